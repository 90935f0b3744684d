"""The header of a pg_dump archive (custom, tar, directory), read without pg_restore.

Layout: `ReadHead` in PostgreSQL's src/bin/pg_dump/pg_backup_archiver.c. Integers are a sign byte and `int_size` bytes,
least significant first; strings are an integer length and that many bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import IO

from pytest_cutover.errors import BackupError

# Archive versions and the first major version whose pg_restore reads them (K_VERS_* in pg_backup_archiver.h).
_READABLE_SINCE = {12: 9, 13: 10, 14: 12, 15: 16, 16: 17}


@dataclass(frozen=True)
class ArchiveHeader:
    """When the archive was made (the zone is not recorded: taken as UTC), by and from which version."""

    archive_version: tuple[int, int]
    created: datetime | None
    database: str
    server_version: str
    dump_version: str

    @property
    def server_major(self) -> int | None:
        """The major version of the server it was taken from, None where the header does not say."""
        return int(self.server_version.split(".")[0]) if self.server_version[:1].isdigit() else None

    @property
    def reader_major(self) -> int:
        """The oldest major version whose pg_restore reads the archive."""
        return _READABLE_SINCE[self.archive_version[1]]


class _Reader:
    def __init__(self, stream: IO[bytes], path: Path) -> None:
        self.stream = stream
        self.path = path
        self.int_size = 4

    def take(self, count: int) -> bytes:
        data = self.stream.read(count)
        if len(data) != count:
            raise BackupError(f"The backup {self.path} is cut inside its header. Take or copy it again.")
        return data

    def byte(self) -> int:
        return self.take(1)[0]

    def integer(self) -> int:
        negative = self.byte()
        value = int.from_bytes(self.take(self.int_size), "little")
        return -value if negative else value

    def text(self) -> str:
        length = self.integer()
        if length > 65536:
            raise BackupError(f"The backup {self.path} has a damaged header. Take or copy it again.")
        return self.take(length).decode(errors="replace") if length > 0 else ""


def read_header(stream: IO[bytes], path: Path) -> ArchiveHeader:
    """The header at the stream's position.

    Raises:
        BackupError: it is cut, damaged, or of a version newer than any known one.
    """
    reader = _Reader(stream, path)
    if reader.take(5) != b"PGDMP":
        raise BackupError(f"The backup {path} is not a pg_dump archive: its table of contents is damaged.")
    major, minor = reader.byte(), reader.byte()
    reader.byte()
    if major != 1 or minor not in _READABLE_SINCE:
        raise BackupError(
            f"The backup {path} has archive version {major}.{minor}; known are 1.{min(_READABLE_SINCE)} to "
            f"1.{max(_READABLE_SINCE)}.\nTake it with a pg_dump of a supported PostgreSQL version."
        )
    reader.int_size = reader.byte()
    reader.byte()
    reader.byte()
    if minor >= 15:
        reader.byte()
    else:
        reader.integer()
    second, minute, hour, day, month, year, _ = (reader.integer() for _ in range(7))
    try:
        created = datetime(year + 1900, month + 1, day, hour, minute, min(second, 59), tzinfo=timezone.utc)
    except ValueError:
        created = None
    return ArchiveHeader((major, minor), created, reader.text(), reader.text(), reader.text())
