"""What a backup file is, whether it is whole, and what it will ask of the server; read before anything is started."""

from __future__ import annotations

import gzip
import tarfile
import zlib
from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import IO

from pytest_cutover.backup.archive import ArchiveHeader, read_header
from pytest_cutover.backup.digest import Digest, begin_digest
from pytest_cutover.backup.packing import CHUNK_BYTES, compression
from pytest_cutover.backup.plain import scan_plain
from pytest_cutover.errors import BackupError

_SQLITE = b"SQLite format 3\0"
_END_OF_ROWS = b"\\.\n\n\n"
"""What pg_dump writes behind the rows of each table (`dumpTableData_copy` in its pg_dump.c)."""


@dataclass(frozen=True)
class BackupFacts:
    """What is known of a backup file before it is restored.

    `format` is "plain" (with the compression behind a comma), "custom", "tar" or "directory". `server_version` is that
    of the server it was taken from, `at_least` its major version: no older server can be expected to take it.
    `reader` is the oldest major version whose pg_restore reads it, None for a plain dump. `roles` are the roles that a
    plain dump names, `schemas` those that it creates. `prepared` are the tables that a prelude made, `platform` the
    schemas; they are known once it is restored.
    """

    path: Path
    format: str
    bytes: int
    digest: Digest = field(repr=False)
    server_version: str | None = None
    taken: datetime | None = None
    at_least: int | None = None
    reader: int | None = None
    roles: tuple[str, ...] = ()
    schemas: frozenset[str] = frozenset()
    creates_public: bool = False
    restricted: bool = False
    prepared: frozenset[str] = frozenset()
    platform: frozenset[str] = frozenset()
    handled: tuple[str, ...] = field(default=())

    @property
    def sha256(self) -> str:
        """The hash of the file in hexadecimal; of a directory, over the names, lengths and contents of its members.

        Raises:
            BackupError: the file could not be read to its end.
        """
        return self.digest()

    @property
    def is_archive(self) -> bool:
        """True for the formats that pg_restore reads."""
        return not self.format.startswith("plain")


def inspect_backup(path: Path) -> BackupFacts:
    """What the file is.

    Raises:
        BackupError: it is missing, empty, cut, or of a form that cannot be restored, with the cause and the remedy.
    """
    if not path.exists():
        raise BackupError(
            f"The backup {path} does not exist.\nPut it there, correct backup.path in the plan, or give --backup PATH."
        )
    try:
        if path.is_dir():
            return _inspect_directory(path)
        size = path.stat().st_size
        with path.open("rb") as stream:
            start = stream.read(CHUNK_BYTES)
    except OSError as error:
        raise BackupError(f"The backup {path} cannot be read: {error.strerror}.") from error
    if not start:
        raise BackupError(f"The backup {path} is empty (0 bytes): the program that took it failed. Take it again.")
    digest = begin_digest(path, [(b"", path)])
    if start.startswith(b"PGDMP"):
        return _from_header(path, "custom", size, digest, read_header(BytesIO(start), path))
    if start.startswith(_SQLITE):
        raise BackupError(
            f'The backup {path} is a SQLite database, and the plan says engine = "postgresql".\n'
            "Give a file made by pg_dump, or correct `engine` in the plan."
        )
    if start[257:262] == b"ustar":
        return _inspect_tar(path, size, digest)
    return _inspect_plain(path, size, digest, compression(start, path))


def _from_header(path: Path, form: str, size: int, digest: Digest, header: ArchiveHeader) -> BackupFacts:
    return BackupFacts(
        path, form, size, digest, server_version=header.server_version, taken=header.created,
        at_least=header.server_major, reader=header.reader_major,
    )  # fmt: skip


def _inspect_directory(path: Path) -> BackupFacts:
    contents = path / "toc.dat"
    if not contents.is_file():
        raise BackupError(
            f"The backup {path} is a folder without toc.dat: it is not a pg_dump directory archive.\n"
            "Give a backup made by pg_dump."
        )
    lengths = {each: each.stat().st_size for each in sorted(path.rglob("*")) if each.is_file()}
    digest = begin_digest(
        path, [(f"{each.relative_to(path)}\0{length}\0".encode(), each) for each, length in lengths.items()]
    )
    for member in lengths:
        _check_member(path, member)
    with contents.open("rb") as stream:
        return _from_header(path, "directory", sum(lengths.values()), digest, read_header(stream, path))


def _check_member(path: Path, member: Path) -> None:
    """Raises BackupError where the rows of one table end too early, which pg_restore would not notice."""
    if not member.name[:1].isdigit() or member.suffix not in (".dat", ".gz"):
        return
    end = b""
    try:
        with gzip.open(member) if member.suffix == ".gz" else member.open("rb") as stream:
            if member.suffix == ".dat":
                stream.seek(max(0, member.stat().st_size - len(_END_OF_ROWS)))
            while chunk := stream.read(CHUNK_BYTES):
                end = (end + chunk)[-len(_END_OF_ROWS) :]
    except (EOFError, zlib.error, OSError) as error:
        raise BackupError(
            f"The backup {path} is damaged: its file {member.name} is cut ({error}). Take or copy it again."
        ) from error
    if end != _END_OF_ROWS:
        raise BackupError(
            f"The backup {path} is cut: the rows in its file {member.name} have no end. Take or copy it again."
        )


def _inspect_tar(path: Path, size: int, digest: Digest) -> BackupFacts:
    try:
        with tarfile.open(path) as archive:
            header = archive.extractfile("toc.dat")
            if header is None:
                raise KeyError("toc.dat")
            facts = _from_header(path, "tar", size, digest, read_header(header, path))
            for member in archive.getmembers():
                stream = archive.extractfile(member)
                if member.name[:1].isdigit() and member.name.endswith(".dat") and stream is not None:
                    _check_tar_member(path, member, stream)
            return facts
    except KeyError:
        raise BackupError(
            f"The backup {path} is a tar file without toc.dat: it is not a pg_dump archive.\nGive a backup made by pg_dump."
        ) from None
    except (tarfile.TarError, EOFError, OSError) as error:
        raise BackupError(f"The backup {path} is a damaged tar file: {error}. Take or copy it again.") from error


def _check_tar_member(path: Path, member: tarfile.TarInfo, stream: IO[bytes]) -> None:
    stream.seek(max(0, member.size - len(_END_OF_ROWS)))
    if stream.read(len(_END_OF_ROWS)) != _END_OF_ROWS:
        raise BackupError(
            f"The backup {path} is cut: the rows in its member {member.name} have no end. Take or copy it again."
        )


def _inspect_plain(path: Path, size: int, digest: Digest, packed: str | None) -> BackupFacts:
    scan = scan_plain(path)
    version = scan.server
    return BackupFacts(
        path, f"plain, {packed}" if packed else "plain", size, digest,
        server_version=version, taken=scan.taken,
        at_least=int(version.split(".")[0]) if version and version[0].isdigit() else None,
        roles=tuple(sorted(scan.roles)), schemas=frozenset(scan.schemas), creates_public=scan.public,
        restricted=scan.restricted,
        handled=("the byte order mark at its start was left out",) if scan.mark else (),
    )  # fmt: skip
