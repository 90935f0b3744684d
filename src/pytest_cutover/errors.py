"""The errors a person can meet, each with what happened, where, and the way out."""

from __future__ import annotations

import re

import psycopg

_DATA_EXCEPTION = "22"
"""The SQLSTATE class whose primary messages quote the offending value."""
_LONGEST = 2_000
"""So many characters of a server's message are kept: a function may raise one of any length."""


class CutoverError(Exception):
    """A failure with a message for a person: what happened, where, and how to fix it."""


class PlanError(CutoverError):
    """One or more plans that cannot be used; holds every problem found, not only the first."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


class SandboxError(CutoverError):
    """No disposable server could be had, or it died."""


class TargetError(CutoverError):
    """An address of a database that cannot be used; the message holds no password."""


class GateError(CutoverError):
    """What a pull request touches cannot be told."""


class BackupError(CutoverError):
    """A backup that cannot be accepted, with the cause and the remedy."""


class QueryError(CutoverError):
    """A statement that the database refused; `sqlstate` is the server's code, or None."""

    def __init__(self, message: str, sqlstate: str | None = None) -> None:
        self.sqlstate = sqlstate
        super().__init__(message)


class NotChecked(Exception):
    """A criterion that could not be decided, with the reason. It is never counted as passed."""


class NotApplicable(Exception):
    """A criterion that has no meaning in this phase or engine, with the reason."""


class NoBaseline(QueryError, NotChecked):
    """A question about the database before the migration, of which a live run has a baseline at most."""


def describe_error(error: psycopg.Error) -> str:
    """The server's message without row values: no DETAIL, and no quoted value in a data exception."""
    diagnostic = error.diag
    message = diagnostic.message_primary or str(error).strip() or type(error).__name__
    if (diagnostic.sqlstate or "").startswith(_DATA_EXCEPTION):
        message = re.sub(r'(: |")".*"', r"\1…", message, flags=re.DOTALL)
    return message if len(message) <= _LONGEST else f"{message[:_LONGEST]}… ({len(message):,} characters)"
