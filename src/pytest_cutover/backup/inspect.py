"""What a backup file is, whether it is whole, and what it will ask of the server; read before anything is started."""

from __future__ import annotations

import gzip
import hashlib
import re
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from io import BytesIO
from pathlib import Path
from typing import IO

from pytest_cutover.backup.archive import ArchiveHeader, read_header
from pytest_cutover.errors import BackupError

_CHUNK_BYTES = 1 << 20

_NAME = rb'(?:"(?:[^"]|"")+"|[A-Za-z_\x80-\xff][\w$\x80-\xff]*)'
_LINES = re.compile(
    rb"""^(?:
        (?P<copy>COPY\ [^\n]*\ FROM\ stdin;)
      | (?P<end>\\\.)
      | (?P<meta>\\(?:connect|c|!|i|ir|include|include_relative|o|out|copy|g|gexec|w|write|cd|setenv)\b[^\n]*|\\![^\n]*)
      | (?P<cluster>--\ PostgreSQL\ database\ cluster\ dump)
      | (?P<complete>--\ PostgreSQL\ database\ dump\ complete)
      | (?P<header>--\ PostgreSQL\ database\ dump)
      | --\ Dumped\ from\ database\ version\ (?P<server>\d[\w.]*)[^\n]*
      | --\ Dumped\ by\ pg_dump\ version\ (?P<dumper>\d[\w.]*)[^\n]*
      | --\ Started\ on\ (?P<started>[^\n]+)
      | (?P<role>(?:ALTER|GRANT|REVOKE|SET\ SESSION\ AUTHORIZATION|CREATE\ POLICY)\b[^\n]*;)
      | (?P<public>CREATE\ SCHEMA\ (?:"public"|public);)
    )\r?$""",
    re.MULTILINE | re.VERBOSE,
)
_OWNER = re.compile(rb"\b(?:OWNER TO|FOR ROLE|AUTHORIZATION) (%s)" % _NAME)
_GRANTEES = re.compile(
    rb"^(?:GRANT|REVOKE|ALTER DEFAULT PRIVILEGES|CREATE POLICY)\b.*? (?:TO|FROM) ((?:%s(?:, )?)+)" % _NAME
)
_NO_ROLES = {b"PUBLIC", b"CURRENT_USER", b"SESSION_USER", b"CURRENT_ROLE", b"DEFAULT"}


@dataclass(frozen=True)
class BackupFacts:
    """What is known of a backup file before it is restored.

    `format` is "plain", "plain, gzip", "custom", "tar" or "directory". `server_version` is that of the server it was
    taken from, `at_least` the oldest major version that can take it. `roles` are the roles that a plain dump names.
    """

    path: Path
    format: str
    bytes: int
    sha256: str
    server_version: str | None = None
    taken: datetime | None = None
    at_least: int | None = None
    roles: tuple[str, ...] = ()
    creates_public: bool = False
    has_byte_order_mark: bool = False
    handled: tuple[str, ...] = field(default=())

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
        digest = hashlib.sha256()
        with path.open("rb") as stream:
            start = stream.read(_CHUNK_BYTES)
            digest.update(start)
            while chunk := stream.read(_CHUNK_BYTES):
                digest.update(chunk)
    except OSError as error:
        raise BackupError(f"The backup {path} cannot be read: {error.strerror}.") from error
    if not start:
        raise BackupError(f"The backup {path} is empty (0 bytes): the program that took it failed. Take it again.")
    if start.startswith(b"PGDMP"):
        return _from_header(path, "custom", size, digest.hexdigest(), read_header(BytesIO(start), path))
    if start[257:262] == b"ustar":
        return _inspect_tar(path, size, digest.hexdigest())
    return _inspect_plain(path, size, digest.hexdigest(), compressed=start.startswith(b"\x1f\x8b"))


def _from_header(path: Path, form: str, size: int, sha256: str, header: ArchiveHeader) -> BackupFacts:
    return BackupFacts(
        path, form, size, sha256, server_version=header.server_version, taken=header.created, at_least=header.at_least
    )


def _inspect_directory(path: Path) -> BackupFacts:
    contents = path / "toc.dat"
    if not contents.is_file():
        raise BackupError(f"The backup {path} is a folder without toc.dat: it is not a pg_dump directory archive.")
    digest, size = hashlib.sha256(), 0
    for member in sorted(each for each in path.rglob("*") if each.is_file()):
        data = member.read_bytes()
        digest.update(f"{member.relative_to(path)}\0{len(data)}\0".encode())
        digest.update(data)
        size += len(data)
    with contents.open("rb") as stream:
        return _from_header(path, "directory", size, digest.hexdigest(), read_header(stream, path))


def _inspect_tar(path: Path, size: int, sha256: str) -> BackupFacts:
    try:
        with tarfile.open(path) as archive:
            member = archive.extractfile("toc.dat")
            if member is None:
                raise KeyError("toc.dat")
            return _from_header(path, "tar", size, sha256, read_header(member, path))
    except KeyError:
        raise BackupError(f"The backup {path} is a tar file without toc.dat: it is not a pg_dump archive.") from None
    except (tarfile.TarError, EOFError, OSError) as error:
        raise BackupError(f"The backup {path} is a damaged tar file: {error}. Take or copy it again.") from error


@contextmanager
def open_plain(path: Path) -> Iterator[IO[bytes]]:
    """The bytes of a plain dump, decompressed where it is compressed."""
    with path.open("rb") as raw:
        compressed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        if compressed:
            with gzip.GzipFile(fileobj=raw) as unpacked:
                yield unpacked  # type: ignore[misc]
        else:
            yield raw


@dataclass
class _Scan:
    """What reading a plain dump from end to end has met so far."""

    copying: str | None = None
    headers: int = 0
    completes: int = 0
    after_complete: bytes = b""
    server: str | None = None
    started: str | None = None
    public: bool = False
    roles: set[str] = field(default_factory=set)


def _inspect_plain(path: Path, size: int, sha256: str, *, compressed: bool) -> BackupFacts:
    scan = _Scan()
    mark = False
    try:
        with open_plain(path) as stream:
            rest = stream.read(_CHUNK_BYTES)
            mark = _check_encoding(path, rest)
            while rest:
                chunk = stream.read(_CHUNK_BYTES)
                cut = rest.rfind(b"\n") + 1 if chunk else len(rest)
                _scan_lines(path, scan, rest[:cut])
                rest = rest[cut:] + chunk
                if not chunk:
                    break
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BackupError(
            f"The backup {path} is a damaged or cut gzip file ({error}).\nTake it again, or copy it again and compare sizes."
        ) from error
    _check_complete(path, scan)
    version = scan.server
    return BackupFacts(
        path, "plain, gzip" if compressed else "plain", size, sha256,
        server_version=version, taken=_parse_started(scan.started),
        at_least=int(version.split(".")[0]) if version and version[0].isdigit() else None,
        roles=tuple(sorted(scan.roles)), creates_public=scan.public, has_byte_order_mark=mark,
        handled=("the byte order mark at its start was left out",) if mark else (),
    )  # fmt: skip


def _check_encoding(path: Path, start: bytes) -> bool:
    if not start:
        raise BackupError(f"The backup {path} is empty once unpacked: the program that took it failed. Take it again.")
    if start[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in start[:4096]:
        raise BackupError(
            f"The backup {path} is UTF-16 text, which psql reads without an error and restores nothing from.\n"
            "PowerShell's `>` writes UTF-16. Take it again with `pg_dump --file=NAME`, or convert it to UTF-8."
        )
    if b"\r\n" in start[:4096]:
        raise BackupError(
            f"The backup {path} has Windows line ends (CRLF), which change the text in COPY data.\n"
            "Take it again with `pg_dump --file=NAME`, or convert the line ends to LF."
        )
    return start.startswith(b"\xef\xbb\xbf")


def _scan_lines(path: Path, scan: _Scan, block: bytes) -> None:
    for match in _LINES.finditer(block):
        which = match.lastgroup
        text = match[which] if which else b""
        if scan.copying is not None:
            if which == "end":
                scan.copying = None
            continue
        if which == "copy":
            scan.copying = text[5:].split(b" (")[0].split(b" FROM ")[0].decode(errors="replace")
            scan.after_complete = text if scan.completes else b""
        elif which == "meta":
            raise BackupError(
                f"The backup {path} holds the psql command {text.decode(errors='replace')!r}, which leads out of the "
                "disposable database.\nTake it again with pg_dump for one database, without --create."
            )
        elif which == "cluster":
            raise BackupError(
                f"The backup {path} is a dump of a whole cluster (pg_dumpall).\n"
                "A rehearsal restores one database: take it with pg_dump."
            )
        elif which == "header":
            scan.headers += 1
        elif which == "complete":
            scan.completes += 1
        elif which == "server":
            scan.server = text.decode()
        elif which == "started":
            scan.started = text.decode(errors="replace")
        elif which == "public":
            scan.public = True
        elif which == "role":
            for found in _OWNER.finditer(text):
                _add_role(scan, found[1])
            for grantees in _GRANTEES.findall(text):
                for name in re.findall(_NAME, grantees):
                    _add_role(scan, name)


def _add_role(scan: _Scan, name: bytes) -> None:
    if name.startswith(b'"'):
        scan.roles.add(name[1:-1].replace(b'""', b'"').decode(errors="replace"))
    elif name.upper() not in _NO_ROLES:
        scan.roles.add(name.lower().decode(errors="replace"))


def _check_complete(path: Path, scan: _Scan) -> None:
    if scan.copying is not None:
        raise BackupError(
            f"The backup {path} is cut: it ends in the data of {scan.copying}.\n"
            "psql restores such a file without an error. Take it again, or copy it again and compare sizes."
        )
    if scan.headers == 0 and scan.completes == 0:
        raise BackupError(
            f"The backup {path} is not a pg_dump backup: it has neither its first nor its last line.\n"
            "Give a file made by pg_dump (plain, custom, directory or tar)."
        )
    if scan.completes == 0:
        raise BackupError(
            f"The backup {path} is cut: its last line, «PostgreSQL database dump complete», is missing.\n"
            "Take it again, or copy it again and compare sizes."
        )
    if scan.headers != 1 or scan.completes != 1:
        raise BackupError(
            f"The backup {path} holds {scan.headers} beginnings and {scan.completes} ends of a dump: "
            "several dumps in one file, or one whose beginning is missing.\nGive the dump of one database."
        )
    if scan.after_complete:
        raise BackupError(f"The backup {path} goes on after its last line: it was edited or joined with another file.")


def _parse_started(text: str | None) -> datetime | None:
    match = re.match(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (UTC|GMT)", text or "")
    return datetime.fromisoformat(match[1]).replace(tzinfo=timezone.utc) if match else None
