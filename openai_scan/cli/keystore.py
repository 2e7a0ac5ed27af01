"""API keys that are stored for a server each.

`keys.json` in the folder for settings lists them by name, each with the base URL that it belongs
to. The key itself is in the system's keyring if there is one, and otherwise in that file, which
only its owner can read. A key is sent to the scheme, host and port that it was stored for, and to
no others. In the keyring it is found by its URL and its name, so that a URL that was changed in the
file finds no key.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from attrs import field, frozen
from attrs.validators import instance_of, optional

from openai_scan import bounded_json
from openai_scan.cli.folders import config_folder, read_if_there, write_private
from openai_scan.client.base_url import checked_url
from openai_scan.errors import ConfigurationError

_SERVICE = "openai-scan {}"

# A keyring of less priority cannot store anything, or is not meant for use.
_LEAST_PRIORITY = 1

_PORTS = {"http": 80, "https": 443}


@frozen
class StoredKey:
    """A key in the list.

    Attributes:
        base_url: The base URL of the server that it belongs to.
        key: The key, or None if it is in the keyring.
    """

    base_url: str = field(validator=instance_of(str))
    key: str | None = field(default=None, repr=False, validator=optional(instance_of(str)))

    @property
    def place(self) -> str:
        """Where the key itself is, in words."""
        return "in the keyring" if self.key is None else "in the file"


def keys_path() -> Path:
    """Return where the list is."""
    return config_folder() / "keys.json"


def stored_keys() -> dict[str, StoredKey]:
    """Return the keys by their names.

    Raises:
        ConfigurationError: The list cannot be read, or is not one.
    """
    path = keys_path()
    data = read_if_there(path)
    if data is None:
        return {}
    try:
        listed: Any = bounded_json.loads(data)
        return {name: StoredKey(**fields) for name, fields in listed.items()}
    except (AttributeError, TypeError, ValueError):
        # Without the cause, which may quote a key.
        raise ConfigurationError(
            f"{path} has no valid list of keys: correct or delete it"
        ) from None


def key_for(base_url: str, name: str | None = None) -> str | None:
    """Return the key to send to *base_url*, or None if none is stored for it.

    Args:
        base_url: Where the API is.
        name: Which key; it may be left out if only one fits.

    Raises:
        ConfigurationError: *name* is not stored, or for another server. Or several keys fit, or the
            keyring does not give the key.
    """
    keys = stored_keys()
    if name is not None:
        # The message does not repeat the name: it may be the key itself, by mistake.
        if name not in keys:
            raise ConfigurationError(
                "--key takes the name of a stored key, and no key has this name: see"
                " openai-scan keys list"
            )
        if _origin(keys[name].base_url) != _origin(base_url):
            raise ConfigurationError(
                f"the key {name} was stored for {keys[name].base_url}, and is not sent to"
                f" {base_url}"
            )
        return _secret(name, keys[name])
    fitting = {
        known: stored
        for known, stored in keys.items()
        if _origin(stored.base_url) == _origin(base_url)
    }
    same_path = {known: stored for known, stored in fitting.items() if stored.base_url == base_url}
    candidates = same_path or fitting
    if len(candidates) > 1:
        raise ConfigurationError(
            f"several keys are stored for this server ({', '.join(sorted(candidates))}): choose"
            " one with --key NAME"
        )
    for known, stored in candidates.items():
        return _secret(known, stored)
    return None


def store_key(name: str, base_url: str, key: str) -> StoredKey:
    """Store *key* under *name*, in place of the one that had the name before, and return it.

    Raises:
        ConfigurationError: See `stored_keys()`; or the URL is malformed.
        OSError: The list cannot be written.
    """
    keys = stored_keys()
    url = checked_url(base_url)
    kept = _put_into_keyring(name, url, key)
    stored = StoredKey(url, None if kept else key)
    before = keys.get(name)
    _write({**keys, name: stored})
    if before is not None and before.key is None and (before.base_url != url or not kept):
        _delete_from_keyring(name, before.base_url)
    return stored


def remove_key(name: str) -> None:
    """Remove a key from the list, and from the keyring.

    Raises:
        ConfigurationError: There is no such key.
        OSError: The list cannot be written.
    """
    keys = stored_keys()
    if name not in keys:
        raise ConfigurationError("no key has this name: see openai-scan keys list")
    removed = keys.pop(name)
    _write(keys)
    if removed.key is None:
        _delete_from_keyring(name, removed.base_url)


def _write(keys: dict[str, StoredKey]) -> None:
    listed = {
        name: {"base_url": stored.base_url} | ({} if stored.key is None else {"key": stored.key})
        for name, stored in keys.items()
    }
    write_private(keys_path(), json.dumps(listed, indent=2) + "\n")


def _origin(url: str) -> tuple[str, str | None, int | None]:
    """Return the scheme, host and port of a URL; a key goes to no others."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)


def _secret(name: str, stored: StoredKey) -> str:
    """Return the key itself."""
    if stored.key is not None:
        return stored.key
    keyring = _keyring()
    key: str | None = None
    if keyring is not None:
        try:
            key = keyring.get_password(_SERVICE.format(stored.base_url), name)
        except Exception as error:  # a backend may raise what its system does
            raise ConfigurationError(
                f"the keyring does not give the key {name}: {type(error).__name__}"
            ) from error
    if key is None:
        raise ConfigurationError(
            f"the key {name} is not in the keyring of this system: store it again with"
            f" openai-scan keys set {name}"
        )
    return key


def _put_into_keyring(name: str, base_url: str, key: str) -> bool:
    """Put a key into the keyring, and return whether it is there."""
    keyring = _keyring()
    if keyring is None:
        return False
    try:
        keyring.set_password(_SERVICE.format(base_url), name, key)
    except Exception:  # noqa: BLE001 - a locked or broken keyring; the file is there
        return False
    return True


def _delete_from_keyring(name: str, base_url: str) -> None:
    keyring = _keyring()
    if keyring is None:
        return
    try:
        keyring.delete_password(_SERVICE.format(base_url), name)
    except Exception as error:
        raise ConfigurationError(
            f"the key {name} is off the list, but still in the keyring: {type(error).__name__}"
        ) from error


def _keyring() -> Any | None:
    """Return the system's keyring; None if it has none, or the extra is not installed."""
    try:
        import keyring  # slow to load, and needed only for keys that are in it
    except ImportError:
        return None
    backend = keyring.get_keyring()
    return backend if backend.priority >= _LEAST_PRIORITY else None
