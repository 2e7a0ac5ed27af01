"""What the user has set once and for all: the default model, and whether answers are logged."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import attrs
from attrs import field, frozen
from attrs.validators import instance_of, optional

from openai_scan import bounded_json
from openai_scan.cli.folders import config_folder, read_if_there, write_private
from openai_scan.errors import ConfigurationError

MODEL = "OPENAI_MODEL"
"""The variable that names the model to ask."""


@frozen(kw_only=True)
class Settings:
    """The settings, as they are in the file.

    Attributes:
        model: The model to ask if nothing else names one; None if none is set.
        log: Whether answers are logged.
    """

    model: str | None = field(default=None, validator=optional(instance_of(str)))
    log: bool = field(default=True, validator=instance_of(bool))


def settings_path() -> Path:
    """Return where the settings are."""
    return config_folder() / "settings.json"


def read_settings() -> Settings:
    """Return the settings; the defaults if nothing has been set.

    Raises:
        ConfigurationError: The file cannot be read, or has no valid settings.
    """
    path = settings_path()
    data = read_if_there(path)
    if data is None:
        return Settings()
    try:
        return Settings(**bounded_json.loads(data))
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"{path} has no valid settings: correct or delete it") from error


def change_settings(**changes: Any) -> None:
    """Change some settings, and write them.

    Raises:
        ConfigurationError: See `read_settings()`.
        OSError: They cannot be written.
    """
    changed = attrs.evolve(read_settings(), **changes)
    write_private(settings_path(), json.dumps(attrs.asdict(changed), indent=2) + "\n")


def default_model() -> str | None:
    """Return the model that the environment names, or else the settings; None if neither does.

    Raises:
        ConfigurationError: See `read_settings()`.
    """
    return os.environ.get(MODEL) or read_settings().model
