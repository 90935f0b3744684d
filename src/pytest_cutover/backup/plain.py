"""Plain SQL dumps: their bytes unpacked, and what reading one from end to end tells of it."""

from __future__ import annotations

import gzip
import lzma
import re
import zlib
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import IO

from pytest_cutover.backup.packing import CHUNK_BYTES, open_plain
from pytest_cutover.errors import BackupError

_LONG_LINE_BYTES = 1 << 16
"""What is looked for fits into this; of a longer line only the beginning is looked at."""
_LONGEST_TAG_BYTES = 66
"""A dollar quote's tag is a name of at most 63 bytes between two dollar signs."""

_NAME = rb'(?:"(?:[^"]|"")+"|[A-Za-z_\x80-\xff][\w$\x80-\xff]*)'
_LINES = re.compile(
    rb"""^(?:(?:
        (?P<copy>COPY\ [^\n]*\ FROM\ stdin;)
      | (?P<restrict>\\(?:un)?restrict\ \w+)
      | (?P<meta>\\(?:connect|c|i|ir|include|include_relative|o|out|copy|g|gx|gexec|gset|w|write|cd|setenv|set|lo_import|lo_export)(?:\s[^\n]*)?|\\![^\n]*)
      | (?P<outside>(?:(?:CREATE|ALTER|DROP)\ (?:DATABASE|TABLESPACE|SYSTEM|ROLE|USER(?!\ MAPPING)|GROUP)|REASSIGN\ OWNED|COPY\ [^\n]*\b(?:TO|FROM)\ (?:PROGRAM\b|'))[^\n]*)
      | (?P<cluster>--\ PostgreSQL\ database\ cluster\ dump)
      | (?P<complete>--\ PostgreSQL\ database\ dump\ complete)
      | (?P<header>--\ PostgreSQL\ database\ dump)
      | --\ Dumped\ from\ database\ version\ (?P<server>\d[\w.]*)[^\n]*
      | --\ Started\ on\ (?P<started>[^\n]+)
      | (?P<role>(?:ALTER|GRANT|REVOKE|SET\ SESSION\ AUTHORIZATION|CREATE\ POLICY)\b[^\n]*;)
      | (?P<public>CREATE\ SCHEMA\ (?:"public"|public);)
      | (?P<schema>CREATE\ SCHEMA\ (?:"[^"\n]+"|\w+);)
    )\r?$ | [^\n']*?(?P<dollar>\$(?:[A-Za-z_]\w*)?\$) | (?P<more>[^-\s][^\n]*))""",
    re.MULTILINE | re.VERBOSE,
)
_OWNER = re.compile(rb"\b(?:OWNER TO|FOR ROLE|AUTHORIZATION) (%s)" % _NAME)
_GRANTEES = re.compile(
    rb"^(?:GRANT|REVOKE|ALTER DEFAULT PRIVILEGES|CREATE POLICY)\b.*? (?:TO|FROM) ((?:%s(?:, )?)+)" % _NAME
)
_NO_ROLES = {b"PUBLIC", b"CURRENT_USER", b"SESSION_USER", b"CURRENT_ROLE", b"DEFAULT"}


@dataclass
class Scan:
    """What reading a plain dump from end to end has met: see `BackupFacts` for the meaning of each."""

    copying: str | None = None
    quoted: bytes | None = None
    copies: int = 0
    headers: int = 0
    completes: int = 0
    after_complete: bytes = b""
    server: str | None = None
    started: str | None = None
    public: bool = False
    mark: bool = False
    restricted: bool = False
    roles: set[str] = field(default_factory=set)
    schemas: set[str] = field(default_factory=set)

    @property
    def taken(self) -> datetime | None:
        """When the dump was begun, where it says so in UTC."""
        match = re.match(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (UTC|GMT)", self.started or "")
        return datetime.fromisoformat(match[1]).replace(tzinfo=timezone.utc) if match else None


def scan_plain(path: Path) -> Scan:
    """What the whole dump holds. A line is never held as a whole, however long it is.

    Raises:
        BackupError: it is cut, damaged, or not one whole dump of one database.
    """
    scan = Scan()
    try:
        with open_plain(path) as stream:
            start = stream.read(CHUNK_BYTES)
            scan.mark = _check_encoding(path, start)
            _scan_stream(path, scan, start[3:] if scan.mark else start, stream)
    except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
        raise BackupError(
            f"The backup {path} is a damaged or cut compressed file ({error}).\n"
            "Take it again, or copy it again and compare sizes."
        ) from error
    except OSError as error:
        raise BackupError(f"The backup {path} cannot be read: {error}.\nCopy it again and compare sizes.") from error
    _check_complete(path, scan)
    return scan


def count_copies(path: Path, stream: IO[bytes]) -> tuple[int, bool]:
    """How many COPY statements the text of a dump holds, and whether the rows of the last one end."""
    scan = Scan()
    _scan_stream(path, scan, b"", stream)
    return scan.copies, scan.copying is None


def _scan_stream(path: Path, scan: Scan, rest: bytes, stream: IO[bytes]) -> None:
    """Takes in `rest` and all that follows it in the stream."""
    rest = rest or stream.read(CHUNK_BYTES)
    inside_long_line = False
    while rest:
        chunk = stream.read(CHUNK_BYTES)
        cut = rest.rfind(b"\n") + 1 if chunk else len(rest)
        block, rest = rest[:cut], rest[cut:]
        if inside_long_line:
            end = block.find(b"\n") + 1
            inside_long_line = not end and bool(chunk)
            block = block[end:] if end else b""
        _scan_lines(path, scan, block)
        if len(rest) > _LONG_LINE_BYTES:
            if scan.quoted is not None:
                # Its end may be anywhere in the line.
                _scan_lines(path, scan, rest)
                rest = rest[-_LONGEST_TAG_BYTES:] if scan.quoted is not None else b""
            else:
                if not inside_long_line:
                    _scan_lines(path, scan, rest[:_LONG_LINE_BYTES])
                inside_long_line, rest = True, b""
        rest += chunk


def _check_encoding(path: Path, start: bytes) -> bool:
    """True where the text begins with a byte order mark."""
    if not start:
        raise BackupError(f"The backup {path} is empty once unpacked: the program that took it failed. Take it again.")
    if start.startswith(b"PGDMP"):
        raise BackupError(
            f"The backup {path} is a compressed archive of pg_dump, which is compressed in itself.\n"
            f"Unpack it first: gunzip {path.name}"
        )
    if start[257:262] == b"ustar":
        raise BackupError(
            f"The backup {path} is a compressed tar file.\nUnpack it first, and give what was in it (for a directory "
            "archive, its folder)."
        )
    if start[:2] in (b"\xff\xfe", b"\xfe\xff") or start[:64:2].count(0) > 20 or start[1:64:2].count(0) > 20:
        raise BackupError(
            f"The backup {path} is UTF-16 text, which psql reads without an error and restores nothing from.\n"
            "PowerShell's `>` writes UTF-16. Take it again with `pg_dump --file=NAME`, or convert it to UTF-8."
        )
    if b"\0" in start:
        raise BackupError(
            f"The backup {path} is a binary file, but none of pg_dump's archives.\n"
            "Give a file made by pg_dump (plain, custom, directory or tar)."
        )
    if b"\r\n" in start[:4096]:
        raise BackupError(
            f"The backup {path} has Windows line ends (CRLF), which change the text in COPY data.\n"
            "Take it again with `pg_dump --file=NAME`, or convert the line ends to LF."
        )
    return start.startswith(b"\xef\xbb\xbf")


def _scan_lines(path: Path, scan: Scan, block: bytes) -> None:
    """Takes in whole lines. The rows of a COPY and the text between dollar quotes are passed over."""
    at = 0
    while at < len(block):
        if scan.copying is not None:
            at = _after_rows(block, at)
            if at < 0:
                return
            scan.copying = None
        elif scan.quoted is not None:
            at = block.find(scan.quoted, at)
            if at < 0:
                return
            at += len(scan.quoted)
            scan.quoted = None
        else:
            at = _scan_statements(path, scan, block, at)


def _after_rows(block: bytes, at: int) -> int:
    """Where the rows of a COPY have ended, -1 where they go on behind the block; `at` begins a line."""
    if block.startswith(b"\\.", at) and block[at + 2 : at + 3] in (b"", b"\n", b"\r"):
        return at + 2
    while (at := block.find(b"\n\\.", at)) >= 0:
        at += 3
        if block[at : at + 1] in (b"", b"\n", b"\r"):
            return at
    return -1


def _scan_statements(path: Path, scan: Scan, block: bytes, at: int) -> int:
    """Takes in lines up to one that begins a COPY or a dollar quote; returns where it stopped."""
    for match in _LINES.finditer(block, at):
        which = match.lastgroup
        text = match[which] if which else b""
        if scan.completes and which not in ("restrict", "complete", "header"):
            scan.after_complete = scan.after_complete or text or match[0]
        if which == "copy":
            scan.copies += 1
            scan.copying = text[5:].split(b" (")[0].split(b" FROM ")[0].decode(errors="replace")
            return match.end() + 1
        if which == "dollar":
            scan.quoted = text
            return match.end()
        _take_line(path, scan, which, text)
    return len(block)


def _take_line(path: Path, scan: Scan, which: str | None, text: bytes) -> None:
    if which == "restrict":
        scan.restricted = True
    elif which == "meta":
        raise BackupError(
            f"The backup {path} holds the psql command {_shown(text)!r}, which leads out of the "
            "disposable database.\nTake it again with pg_dump for one database, without --create."
        )
    elif which == "cluster":
        raise BackupError(
            f"The backup {path} is a dump of a whole cluster (pg_dumpall).\n"
            "A rehearsal restores one database: take it with pg_dump."
        )
    elif which == "outside":
        raise BackupError(
            f"The backup {path} holds {_shown(text)!r}, which reaches beyond one database, and pg_dump "
            "writes no such statement.\nTake it again with pg_dump for one database, without --create."
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
    elif which == "schema":
        scan.schemas.add(text[14:-1].strip(b'"').decode(errors="replace"))
    elif which == "role":
        for found in _OWNER.finditer(text):
            _add_role(scan, found[1])
        for grantees in _GRANTEES.findall(text):
            for name in re.findall(_NAME, grantees):
                _add_role(scan, name)


def _shown(text: bytes) -> str:
    return text.decode(errors="replace")[:80]


def _add_role(scan: Scan, name: bytes) -> None:
    if name.startswith(b'"'):
        scan.roles.add(name[1:-1].replace(b'""', b'"').decode(errors="replace"))
    elif name.upper() not in _NO_ROLES:
        scan.roles.add(name.lower().decode(errors="replace"))


def _check_complete(path: Path, scan: Scan) -> None:
    if scan.quoted is not None:
        raise BackupError(
            f"The backup {path} is cut: it ends inside a function or a text in dollar quotes.\n"
            "Take it again, or copy it again and compare sizes."
        )
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
        raise BackupError(
            f"The backup {path} goes on after its last line: it was edited or joined with another file.\nTake it again."
        )
