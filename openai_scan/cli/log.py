"""The log of what was asked and answered: one SQLite file, a row for each answer.

- A row is written before its question is sent, and completed when the answer has ended. A process
  that is killed in between leaves a row without an outcome, so a part is never taken for a whole.
- Each write is one statement, which SQLite makes atomic. Several processes wait for each other, and
  no row is lost.
- The file is readable by its owner only. It has no keys and no headers.
- Nothing is indexed when an answer is logged: a search indexes what has come since the last one.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from attrs import field, frozen
from typing_extensions import Self

from openai_scan.cli.folders import data_folder, make_folder
from openai_scan.errors import ConfigurationError

PATH = "OPENAI_SCAN_LOG"
"""The variable that names the file."""

UNFINISHED = "unfinished"
"""What is said of an answer whose process ended before it did."""

WHOLE = "completed"
"""The outcome of a whole answer."""

# Raised whenever the table changes. An older version refuses a newer file.
_VERSION = 1

# How long to wait for another process to finish its write, in seconds. One takes milliseconds.
_PATIENCE = 20.0

# Bytes. An id is typed by hand; with 40 bits, two of a million conversations rarely share one.
_ID_BYTES = 5

_TABLE = """
CREATE TABLE answers (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    conversation TEXT NOT NULL,
    command TEXT NOT NULL,
    started TEXT NOT NULL,
    base_url TEXT NOT NULL,
    model TEXT NOT NULL,
    system TEXT,
    prompt TEXT NOT NULL,
    attachments TEXT NOT NULL,
    parameters TEXT NOT NULL,
    answer TEXT NOT NULL DEFAULT '',
    items TEXT NOT NULL DEFAULT '[]',
    outcome TEXT,
    error TEXT,
    usage TEXT,
    notes TEXT,
    seconds REAL,
    indexed INTEGER NOT NULL DEFAULT 0
)
"""

_INDEX = "CREATE INDEX answers_of_conversation ON answers (conversation)"

# Three letters at a time, so that a part of a word is found, and text without blanks too.
_SEARCH = "CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5(text, tokenize='trigram')"
_SHORTEST_INDEXED = 3


class LogError(ConfigurationError):
    """The log cannot be used. The message names the file and says what to do."""


@frozen(kw_only=True)
class Question:
    """What is known of a row before its answer comes.

    Attributes:
        conversation: The id of the conversation.
        command: The command that asked: `chat` or `respond`. It decides the form of the items.
        base_url: The server that was asked.
        model: The model that was asked for.
        system: How the model was to answer, or None.
        prompt: The question's text.
        attachments: The name, media type and size of each attachment.
        parameters: The other parameters of the request.
    """

    conversation: str
    command: str
    base_url: str
    model: str
    system: str | None
    prompt: str
    attachments: Sequence[Mapping[str, Any]] = ()
    parameters: Mapping[str, Any] = field(factory=dict)


@frozen(kw_only=True)
class Ending:
    """What is known of a row when its answer has ended.

    Attributes:
        answer: The text that has arrived.
        items: What question and answer add to the conversation, in the form of the API: messages,
            or input items. Empty if there is nothing to continue from.
        outcome: How the stream ended, in the words of `StreamerV2.outcome`, or `interrupted`.
        error: What was wrong, or None.
        usage: The tokens of all rounds, as `Counts` has them, or None if the server sent none.
        notes: What was tolerated in the stream, counted.
        seconds: How long it took.
    """

    answer: str
    items: Sequence[Mapping[str, Any]]
    outcome: str
    error: str | None = None
    usage: Mapping[str, Any] | None = None
    notes: Mapping[str, int] = field(factory=dict)
    seconds: float | None = None


@frozen(kw_only=True)
class Row(Question):
    """One answer, as it is in the log.

    Attributes:
        number: The place in the log, from 1.
        started: When the question was sent, in UTC, in ISO 8601.
        answer: See `Ending`.
        items: See `Ending`.
        outcome: See `Ending`; `unfinished` if the process ended before the answer did.
        error: See `Ending`.
        usage: See `Ending`.
        notes: See `Ending`.
        seconds: See `Ending`.
    """

    number: int
    started: str
    answer: str
    items: Sequence[Mapping[str, Any]]
    outcome: str
    error: str | None
    usage: Mapping[str, Any] | None
    notes: Mapping[str, int]
    seconds: float | None

    @property
    def is_whole(self) -> bool:
        """Whether the answer is whole."""
        return self.outcome == WHOLE


def log_path() -> Path:
    """Return where the log is, unless an option says otherwise; the file may not exist yet."""
    named = os.environ.get(PATH)
    return Path(named) if named else data_folder() / "log.db"


def new_id() -> str:
    """Return the id of a new conversation."""
    return secrets.token_hex(_ID_BYTES)


class Log:
    """The log in a file. A `with` block closes it.

    Args:
        path: Where it is.
        create: Whether to make the file if it does not exist. If not, such a log has no rows.

    Raises:
        LogError: The file cannot be opened, or is not a log. So do all methods.
    """

    def __init__(self, path: Path, *, create: bool = False) -> None:
        self.path = path
        with self._explaining():
            if create:
                make_folder(path.parent)
                # SQLite would make a file that others can read.
                os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            name = path if path.exists() else ":memory:"
            self._database = sqlite3.connect(name, timeout=_PATIENCE, isolation_level=None)
            self._database.row_factory = sqlite3.Row
            try:
                self._prepare()
            except BaseException:
                self._database.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._database.close()

    def begin(self, question: Question) -> int:
        """Write the row of a question that is about to be sent, and return its number."""
        values = {
            "conversation": question.conversation,
            "command": question.command,
            "started": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
            "base_url": question.base_url,
            "model": question.model,
            "system": question.system,
            "prompt": question.prompt,
            "attachments": json.dumps(question.attachments),
            "parameters": json.dumps(question.parameters),
        }
        columns, places = ", ".join(values), ", ".join("?" * len(values))
        with self._explaining():
            number = self._database.execute(
                f"INSERT INTO answers ({columns}) VALUES ({places})",  # noqa: S608 - our own names
                tuple(values.values()),
            ).lastrowid
        assert number is not None  # noqa: S101 - an insert has one
        return number

    def finish(self, number: int, ending: Ending) -> None:
        """Complete the row *number*."""
        values = (
            ending.answer,
            json.dumps(ending.items),
            ending.outcome,
            ending.error,
            None if ending.usage is None else json.dumps(ending.usage),
            json.dumps(ending.notes),
            ending.seconds,
            number,
        )
        with self._explaining():
            self._database.execute(
                "UPDATE answers SET answer = ?, items = ?, outcome = ?, error = ?, usage = ?,"
                " notes = ?, seconds = ? WHERE number = ?",
                values,
            )

    def conversation(self, beginning: str) -> list[Row]:
        """Return the rows of the conversation whose id begins with *beginning*, oldest first.

        Raises:
            LogError: There is none, or several ids begin so.
        """
        with self._explaining():
            ids = [
                id
                for (id,) in self._database.execute(
                    "SELECT DISTINCT conversation FROM answers"
                    " WHERE substr(conversation, 1, ?) = ? LIMIT 2",
                    (len(beginning), beginning),
                )
            ]
        if not ids or not beginning:
            raise LogError(f"there is no conversation {beginning!r} in {self.path}")
        if len(ids) > 1:
            raise LogError(f"the ids of several conversations begin with {beginning}: say more")
        return self._rows("conversation = ? ORDER BY number", ids)

    def last(self, command: str | None = None) -> str | None:
        """Return the id of the conversation with the newest answer, of *command* if it is given."""
        with self._explaining():
            row = self._database.execute(
                "SELECT conversation FROM answers WHERE ? IS NULL OR command = ?"
                " ORDER BY number DESC LIMIT 1",
                (command, command),
            ).fetchone()
        return None if row is None else str(row["conversation"])

    def count(self) -> tuple[int, int]:
        """Return how many answers there are, and in how many conversations."""
        with self._explaining():
            counted = self._database.execute(
                "SELECT count(*), count(DISTINCT conversation) FROM answers"
            ).fetchone()
        return tuple(counted)

    def newest(
        self, count: int, *, words: Sequence[str] = (), model: str | None = None
    ) -> list[Row]:
        """Return the newest rows, oldest first.

        Args:
            count: How many at most; 0 for all.
            words: What each row has to contain, in its question or its answer, in any case of
                letters.
            model: The model that was asked.
        """
        conditions, values = ["1"], list[Any]()
        if model is not None:
            conditions.append("model = ?")
            values.append(model)
        with self._explaining():
            for condition, of_condition in self._containing(words):
                conditions.append(condition)
                values.extend(of_condition)
        where = " AND ".join(conditions)
        return self._rows(f"{where} ORDER BY number DESC LIMIT ?", [*values, count or -1])[::-1]

    def _containing(self, words: Sequence[str]) -> Iterator[tuple[str, Sequence[Any]]]:
        """Yield a condition for each of *words*, with its values."""
        has_index = any(len(word) >= _SHORTEST_INDEXED for word in words) and self._bring_index()
        for word in words:
            pattern = "%" + word.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_") + "%"
            contains = r"(prompt LIKE ? ESCAPE '\' OR answer LIKE ? ESCAPE '\')"
            if has_index and len(word) >= _SHORTEST_INDEXED:
                quoted = '"' + word.replace('"', '""') + '"'
                found = "number IN (SELECT rowid FROM words WHERE words MATCH ?)"
                yield f"({found} OR (NOT indexed AND {contains}))", (quoted, pattern, pattern)
            else:
                yield contains, (pattern, pattern)

    def _bring_index(self) -> bool:
        """Index the rows that have been completed since the last search.

        Returns:
            False if there is no index: this SQLite has no FTS5, or the file cannot be written.
        """
        try:
            self._database.execute("BEGIN IMMEDIATE")
            self._database.execute(_SEARCH)
            self._database.execute(
                "INSERT INTO words (rowid, text) SELECT number, prompt || char(10) || answer"
                " FROM answers WHERE NOT indexed AND outcome IS NOT NULL"
            )
            self._database.execute(
                "UPDATE answers SET indexed = 1 WHERE NOT indexed AND outcome IS NOT NULL"
            )
            self._database.execute("COMMIT")
        except sqlite3.Error as error:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            if isinstance(error, sqlite3.OperationalError):
                return False
            raise
        return True

    def _rows(self, where: str, values: Sequence[Any]) -> list[Row]:
        with self._explaining():
            found = self._database.execute(
                f"SELECT * FROM answers WHERE {where}",  # noqa: S608 - our own conditions
                values,
            ).fetchall()
            return [_row(each) for each in found]

    def _prepare(self) -> None:
        """Make the table in a file that is new."""
        version = self._version()
        if version == 0:
            self._database.execute("BEGIN IMMEDIATE")  # another process may be making it
            version = self._version()
            if version == 0:
                self._database.execute(_TABLE)
                self._database.execute(_INDEX)
                self._database.execute(f"PRAGMA user_version = {_VERSION}")
                version = _VERSION
            self._database.execute("COMMIT")
        if version != _VERSION:
            raise LogError(
                f"the log {self.path} was written by another version of this program (its format is"
                f" {version}, not {_VERSION}): name another file with --log or {PATH}"
            )

    def _version(self) -> int:
        version: int = self._database.execute("PRAGMA user_version").fetchone()[0]
        return version

    @contextlib.contextmanager
    def _explaining(self) -> Iterator[None]:
        """Raise what SQLite and the system refuse as a `LogError`."""
        try:
            yield
        except (sqlite3.Error, OSError, ValueError) as error:
            if isinstance(error, LogError):
                raise
            reason = getattr(error, "strerror", None) or error
            is_damaged = not isinstance(error, OSError | sqlite3.OperationalError)
            advice = "move it away, or name" if is_damaged else "name"
            raise LogError(
                f"the log {self.path} cannot be used ({reason}): {advice} another file with --log"
                f" or {PATH}"
            ) from error


def _row(found: sqlite3.Row) -> Row:
    values = dict(found)
    del values["indexed"]
    for name in ("attachments", "parameters", "items"):
        values[name] = json.loads(values[name])
    usage, notes = values["usage"], values["notes"]
    values["usage"] = None if usage is None else json.loads(usage)
    values["notes"] = {} if notes is None else json.loads(notes)
    values["outcome"] = values["outcome"] or UNFINISHED
    return Row(**values)
