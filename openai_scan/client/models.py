"""The models API.

Source: https://platform.openai.com/docs/api-reference/models
"""

from __future__ import annotations

from attrs import frozen
from typing_extensions import Unpack

from openai_scan.client.base import BaseClient, Page
from openai_scan.client.params import Extras


@frozen(kw_only=True)
class Model:
    """A model that the server offers.

    Attributes:
        id: The name to pass as `model`.
        created: When it was created, in Unix seconds; None if missing.
        owned_by: Who owns it; None if missing.
        object: The kind of object: `model`.
    """

    id: str
    created: int | None = None
    owned_by: str | None = None
    object: str = "model"


class ModelsMethods(BaseClient):
    """The methods of `Client` for the models API."""

    def list_models(self, **extras: Unpack[Extras]) -> Page[Model]:
        """Return the models, all on one page."""
        return self._call(Page[Model], "GET", "/models", Extras, extras)
