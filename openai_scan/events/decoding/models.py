"""Read pydantic models, which check their own fields."""

from __future__ import annotations

import json
from typing import Any

import attrs
from cattrs.errors import ClassValidationError

from openai_scan.events.decoding.hooks import Hook, UnfitPartError

# What pydantic calls errors whose text is the model's own, which may say anything.
_OWN_ERRORS = ("value_error", "assertion_error")


@attrs.frozen
class _OfModel:
    """Represents a model in an error of cattrs, which looks at its fields."""


def model_hook(cls: Any) -> Hook:
    """Return the hook for a pydantic model: null is the default of a field that has one."""

    def hook(value: Any, _: Any) -> Any:
        # As JSON, since pydantic is strict and would take no text for a date otherwise.
        import pydantic

        for may_prune in (True, False):
            try:
                return cls.model_validate_json(json.dumps(value), strict=True)
            except pydantic.ValidationError as error:
                faults = error.errors(include_url=False, include_context=False)
            if may_prune:
                value, pruned = _without_nulls(value, faults)
                if not pruned:
                    break
        # Not in the handler, since its error shows values.
        if faults[0]["type"] in _OWN_ERRORS:
            raise ClassValidationError(cls.__name__, [ValueError(faults[0]["msg"])], _OfModel)
        raise UnfitPartError(faults[0]["loc"], faults[0]["msg"])

    return hook


def _without_nulls(value: Any, faults: list[Any]) -> tuple[Any, bool]:
    """Return a copy of *value* without the nulls that are *faults*, and whether there were any."""
    value = json.loads(json.dumps(value))
    pruned = False
    for fault in faults:
        *path, name = fault["loc"] or ("",)
        place = value
        for step in path:
            fits = isinstance(place, dict) and step in place
            fits = fits or (isinstance(place, list) and isinstance(step, int) and step < len(place))
            place = place[step] if fits else None
        if isinstance(place, dict) and name in place and place[name] is None:
            del place[name]
            pruned = True
    return value, pruned
