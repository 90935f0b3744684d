"""What can go wrong outside the data, in words: what happened, and the way out."""

from __future__ import annotations

import errno
import sqlite3


class Problem(Exception):
    """A migration or rollback that stopped: the cause, and what to do about it."""

    def __init__(self, cause: str, remedy: str) -> None:
        super().__init__(f"Error: {cause}\nSolution: {remedy}")
        self.cause = cause
        self.remedy = remedy


LOCKED = "stop the application, and end every other program that has the database open"
FULL = "free disk space, or name another backup folder with --backup-dir"
DENIED = "run as the account that owns the database and may write the backup folder"
DAMAGED = (
    "do not migrate; restore the database from its last good backup, or ask `PRAGMA integrity_check` what is wrong"
)


def explain(error: BaseException, doing: str) -> Problem:
    """The problem behind an error of SQLite or of the operating system."""
    if isinstance(error, Problem):
        return error
    text = str(error)
    if isinstance(error, OSError):
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return Problem(f"No space left on device while {doing}", FULL)
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            return Problem(f"Permission denied while {doing}: {error.filename}", DENIED)
        return Problem(f"{error.strerror} while {doing}: {error.filename}", "see the message above")
    if isinstance(error, sqlite3.Error):
        if "locked" in text or "busy" in text:
            return Problem(f"database is locked (while {doing})", LOCKED)
        if "full" in text:
            return Problem(f"No space left on device while {doing} (SQLite: {text})", FULL)
        if "readonly" in text or "unable to open" in text or "not authorized" in text:
            return Problem(f"Permission denied while {doing} (SQLite: {text})", DENIED)
        if "malformed" in text or "not a database" in text:
            return Problem(f"the database is damaged (SQLite: {text}, while {doing})", DAMAGED)
        return Problem(f"SQLite: {text} (while {doing})", "read the log; nothing was changed")
    return Problem(f"{type(error).__name__} while {doing}: {text}", "read the log; nothing was changed")
