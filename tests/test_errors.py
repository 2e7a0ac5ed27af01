"""The tree of exceptions: as drawn, explained, copied and shown."""

from __future__ import annotations

import copy
import inspect
import pickle
import re
from collections.abc import Callable
from typing import Any

import pytest

from openai_scan import errors
from openai_scan.errors import (
    APIError,
    BadRequestError,
    ConfigurationError,
    EventTooLargeError,
    NotAnEventStreamError,
    ScanError,
)

CLASSES: list[type[ScanError]] = [
    value
    for _, value in inspect.getmembers(errors, inspect.isclass)
    if issubclass(value, ScanError) and value.__module__ == errors.__name__
]


def drawn_tree() -> dict[str, str]:
    """Return the tree in the module's docstring: each class's name, and that of its parent."""
    branch = re.compile(r"^    ((?:│   |    )*(?:[├└]── )?)([A-Z]\w+Error)  ?")
    way: list[str] = []
    parents = {}
    for line in (errors.__doc__ or "").splitlines():
        if found := branch.match(line):
            depth = len(found[1]) // 4
            way[depth:] = [found[2]]
            parents[found[2]] = way[depth - 1] if depth else "Exception"
    return parents


def test_drawn_tree_is_the_real_one() -> None:
    """The tree in the docstring shows every class, at its place."""
    assert drawn_tree() == {cls.__name__: cls.__bases__[0].__name__ for cls in CLASSES}


def test_drawn_statuses_are_the_real_ones() -> None:
    """The HTTP statuses in the drawing are those of the classes."""
    drawn = re.findall(r"([A-Z]\w+Error) +(\d)(\d\d|xx) ", errors.__doc__ or "")
    assert len(drawn) == 9
    for name, hundreds, rest in drawn:
        status = int(hundreds + rest.replace("xx", "07"))
        assert errors.error_class(status, None, None).__name__ == name


def test_all_lists_every_class() -> None:
    """The public names are the classes and the function that picks one, sorted."""
    assert errors.__all__ == [*sorted(cls.__name__ for cls in CLASSES), "error_class"]


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_docstring_tells_what_to_do(cls: type[ScanError]) -> None:
    """Every class has a docstring of its own that says more than its name does."""
    doc = cls.__dict__.get("__doc__")
    assert doc is not None
    assert len(doc.split()) >= 4
    assert doc.split("\n")[0].endswith(".")


def test_configuration_error_is_a_value_error() -> None:
    """`except ValueError` also catches a malformed key or URL."""
    assert issubclass(ConfigurationError, ValueError)


FULL = APIError(
    "no such model",
    status=404,
    type="invalid_request_error",
    code="model_not_found",
    param="model",
    request_id="req_1",
    body={"error": {"message": "no such model"}},
)


def filled(cls: type[ScanError]) -> ScanError:
    """Return an error of the class *cls* with all that it can hold."""
    if issubclass(cls, APIError):
        error: ScanError = cls(
            "no such model",
            status=404,
            type="invalid_request_error",
            code="model_not_found",
            param="model",
            request_id="req_1",
            body={"error": {"message": "no such model"}},
        )
    elif cls is EventTooLargeError:
        error = EventTooLargeError("too large", limit=64)
    elif cls is NotAnEventStreamError:
        error = NotAnEventStreamError("a page", body="<html>")
    else:
        error = cls("what happened")
    error.events_read = 3
    error.bytes_read = 400
    return error


def by_pickle(error: ScanError) -> Any:
    """Return *error* as another process would get it."""
    return pickle.loads(pickle.dumps(error))


@pytest.mark.parametrize("copied", [by_pickle, copy.copy, copy.deepcopy])
@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_error_survives_copying(cls: type[ScanError], copied: Callable[[Any], Any]) -> None:
    """An error that goes to another process or is copied loses nothing of what it says."""
    error = filled(cls)
    other = copied(error)
    assert type(other) is cls
    assert other is not error
    assert str(other) == str(error)
    assert vars(other) == vars(error)
    assert (other.events_read, other.bytes_read) == (3, 400)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_class_can_be_made_of_a_message(cls: type[ScanError]) -> None:
    """A message is all that an error needs, and its counts are zero then."""
    error = cls("what happened")
    assert str(error) == "what happened"
    assert (error.events_read, error.bytes_read) == (0, 0)


def test_api_error_shows_its_facts() -> None:
    """The text of an API error is the message and what support will ask for, not the body."""
    assert str(FULL) == (
        "no such model (HTTP status 404, code model_not_found, param model, request id req_1)"
    )
    assert str(BadRequestError("no", code="c")) == "no (code c)"
    assert str(APIError("no", type="server_error", body="the prompt")) == "no"
    assert "the prompt" not in repr(APIError("no", body="the prompt"))


def test_details_of_other_errors() -> None:
    """The limit and the page can be read from the errors that are about them."""
    assert EventTooLargeError("large", limit=64).limit == 64
    assert EventTooLargeError("large").limit == 0
    assert NotAnEventStreamError("page", body="<html>").body == "<html>"
    assert NotAnEventStreamError("page").body == ""
