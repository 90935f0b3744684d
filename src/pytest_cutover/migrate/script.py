"""An SQL file as the statements that PostgreSQL's own parser finds in it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import postgast
import psycopg

from pytest_cutover.errors import CutoverError
from pytest_cutover.migrate.result import StepError
from pytest_cutover.sql import pieces_of

_SUMMARY_LENGTH = 100
_COPY_DATA = re.compile(r"\s*COPY\b.*\bFROM\s+STDIN\b", re.IGNORECASE)


class ScriptError(CutoverError):
    """A file that cannot be run statement by statement; `error` says where and why."""

    def __init__(self, error: StepError) -> None:
        self.error = error
        super().__init__(str(error))


@dataclass(frozen=True)
class Statement:
    """One statement: its text without the semicolon, and the line of its file on which it begins, counted from 1."""

    text: str
    line: int
    file: str = ""

    @property
    def summary(self) -> str:
        """The statement on one line, cut to a readable length."""
        flat = " ".join(self.text.split())
        return flat if len(flat) <= _SUMMARY_LENGTH else flat[: _SUMMARY_LENGTH - 1] + "…"

    def line_at(self, position: int) -> int:
        """The file's line that holds the character at `position`, counted from 1 as the server does."""
        return self.line + self.text.count("\n", 0, max(position - 1, 0))


Execute = Callable[[psycopg.Connection, Statement], psycopg.Cursor]
"""How a runner sends one statement of a file to the server."""


def execute(connection: psycopg.Connection, statement: Statement) -> psycopg.Cursor:
    """Runs the statement as it is."""
    return connection.execute(statement.text.encode())


def read_script(path: Path) -> list[Statement]:
    """The statements of the file, in order.

    Raises:
        ScriptError: it is not UTF-8, empty of statements, or not plain SQL.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ScriptError(StepError(f"{path.name} is not UTF-8 (byte {error.start})", file=path.name)) from error
    statements = parse_script(text, path.name)
    if not statements:
        raise ScriptError(StepError("the file holds no statement", file=path.name, line=1))
    return statements


def parse_script(text: str, file: str) -> list[Statement]:
    """The statements of the text, in order; `file` is what to call it.

    Raises:
        ScriptError: it is not plain SQL.
    """
    try:
        parsed = postgast.parse(text)
    except postgast.PgQueryError as error:
        line = text.count("\n", 0, max(error.cursorpos - 1, 0)) + 1
        message = error.message
        shown = text.splitlines()[line - 1].strip() if text.strip() else ""
        if shown.startswith("\\"):
            message = (
                "a psql command is not SQL; run the file with psql in a `command` step, or write the command as SQL"
            )
        elif any(_COPY_DATA.match(each) for each in text.splitlines()[: line - 1]):
            message = (
                "the rows behind COPY … FROM STDIN are not SQL; write them as INSERT, or run the file with psql in a "
                "`command` step"
            )
        raise ScriptError(StepError(message, "42601", file, line, shown or None)) from error
    raw = text.encode()
    return [Statement(piece, raw.count(b"\n", 0, start) + 1, file) for piece, start in pieces_of(parsed, raw)]
