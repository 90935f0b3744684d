"""The text that `.dump` of the sqlite3 shell writes, run as what it is: one transaction, from BEGIN to COMMIT."""

from __future__ import annotations

import gzip
import re
import sqlite3
import zlib
from contextlib import closing
from pathlib import Path

from pytest_cutover.backup.packing import cut_gzip, open_gzip
from pytest_cutover.errors import BackupError
from pytest_cutover.sqlite.connection import SqliteTarget
from pytest_cutover.sqlite.tokens import Piece, statements

_ALLOWED_PRAGMAS = frozenset({"foreign_keys", "writable_schema", "user_version", "application_id", "encoding"})
_ATTACH, _DETACH, _PRAGMA, _DENY = 24, 25, 19, 1


def load_text(path: Path, target: SqliteTarget) -> None:
    """Runs the statements of a `.dump`, from its BEGIN to its COMMIT.

    Raises:
        BackupError: it does not go through to its end.
    """
    pieces, text = _read_text(path)
    target.path.touch(mode=0o600)
    with closing(target.connect()) as connection:
        connection.create_function("unistr", 1, _unistr, deterministic=True)
        connection.set_authorizer(_loading)
        for piece in pieces:
            try:
                connection.execute(piece.text)
            except (sqlite3.Error, sqlite3.Warning) as error:
                line = text.count("\n", 0, piece.start) + 1
                raise BackupError(
                    f"Restoring the backup {path} failed at line {line}: {_without_values(error)}\n"
                    "Look at this statement; a backup is only accepted if all of it arrives."
                ) from error
        if connection.in_transaction:
            raise _cut_text(path, "its transaction is not committed")
    # The triggers and views of a dump are only read when the schema is read anew.
    with closing(target.connect()) as connection:
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()


def _read_text(path: Path) -> tuple[list[Piece], str]:
    """The statements of a `.dump`, which is one transaction."""
    try:
        with open_gzip(path) as stream:
            text = stream.read().decode("utf-8-sig")
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise cut_gzip(path, error) from error
    except UnicodeDecodeError as error:
        raise BackupError(
            f"The backup {path} is not UTF-8 (byte {error.start}), as a `.dump` is. Was it recoded on its way?"
        ) from error
    if "ROLLBACK; -- due to errors" in text or "CORRUPTION ERROR" in text:
        raise BackupError(
            f"The backup {path} says itself that `.dump` met damage in the database. Take it from a whole one."
        )
    try:
        pieces = list(statements(text))
    except ValueError as error:
        raise _cut_text(path, str(error)) from error
    shell = re.search(r"^\.[a-z]+\b.*$", text, re.MULTILINE)
    if shell is not None and any(piece.tokens[0].text == "." for piece in pieces):
        raise BackupError(f"The backup {path} holds the shell's command {shell[0].split()[0]}, which is not SQL.")
    words = [piece.tokens[0].word for piece in pieces]
    if "BEGIN" not in words:
        raise BackupError(
            f"The backup {path} is no text of `.dump`: it has no BEGIN TRANSACTION, so that its end could not be known.\n"
            "Take it again with `sqlite3 DATABASE .dump`."
        )
    if words[-1] != "COMMIT" or not pieces[-1].closed:
        raise _cut_text(path, "it does not end with COMMIT;")
    return pieces, text


def _cut_text(path: Path, what: str) -> BackupError:
    return BackupError(f"The backup {path} is cut: {what}. Take or copy it again.")


def _loading(action: int, first: str | None, second: str | None, database: str | None, source: str | None) -> int:
    """SQLite's authorizer while a text is loaded: it may fill its own file, and reach no other."""
    if action in (_ATTACH, _DETACH):
        return _DENY
    if action == _PRAGMA and (first or "").lower() not in _ALLOWED_PRAGMAS:
        return _DENY
    return 0


def _unistr(text: str | None) -> str | None:
    """SQLite's unistr(), which `.dump` writes from 3.50 on and earlier versions lack."""
    if text is None:
        return None
    return re.sub(
        r"\\(?:\\|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|\+([0-9A-Fa-f]{6})|([0-9A-Fa-f]{4}))",
        lambda match: chr(int(next(each for each in match.groups() if each), 16)) if any(match.groups()) else "\\",
        text,
    )


def _without_values(error: BaseException) -> str:
    return re.sub(r'near ".*": ', "", str(error), flags=re.DOTALL)
