"""What LiteLLM's proxy calls when an answer is complete: it saves the text.

The proxy has a table of its own for what was spent, in PostgreSQL, and none for messages; its
documentation shows a class like this one for whatever else is to be done with an answer.
"""

from __future__ import annotations

import os
import sqlite3
from typing import Any

from litellm.integrations.custom_logger import CustomLogger


class Saver(CustomLogger):  # type: ignore[misc]  # it is installed for `make field` only
    """Saves each complete answer."""

    async def async_log_success_event(
        self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any
    ) -> None:
        """Save one."""
        if hasattr(response_obj, "choices"):
            text = response_obj.choices[0].message.content
        else:  # of the Responses API
            text = "".join(part.text for item in response_obj.output for part in item.content)
        with sqlite3.connect(os.environ["FIELD_DB"]) as database:
            database.execute("INSERT INTO messages (content) VALUES (?)", [text])


saver = Saver()
