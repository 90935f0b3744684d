"""The SHA-256 of a backup, computed while the restore goes on: for a large file it takes as long as reading it."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from pathlib import Path

from pytest_cutover.errors import BackupError

_CHUNK_BYTES = 1 << 20

Digest = Callable[[], str]
"""Gives the hash in hexadecimal, and waits for it. Raises BackupError where the file could not be read."""


def begin_digest(path: Path, parts: Iterable[tuple[bytes, Path]]) -> Digest:
    """Begins to hash the parts: for each, the bytes given and then the content of the file.

    `path` is the backup, for the message.
    """
    found: Future[str] = Future()

    def work() -> None:
        digest = hashlib.sha256()
        try:
            for before, part in parts:
                digest.update(before)
                with part.open("rb") as stream:
                    while chunk := stream.read(_CHUNK_BYTES):
                        digest.update(chunk)
        except OSError as error:
            found.set_exception(BackupError(f"The backup {path} cannot be read: {error.strerror}."))
        else:
            found.set_result(digest.hexdigest())

    # A daemon: an interrupted run does not wait for it.
    threading.Thread(target=work, name="backup digest", daemon=True).start()
    return found.result
