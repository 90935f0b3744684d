"""Feeding SQL to psql."""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import threading
from contextlib import suppress
from pathlib import Path
from typing import IO

from pytest_cutover.backup.complaints import judge
from pytest_cutover.backup.inspect import BackupFacts
from pytest_cutover.backup.meter import Meter, Progress
from pytest_cutover.backup.packing import CHUNK_BYTES
from pytest_cutover.backup.programs import can_restrict
from pytest_cutover.sandbox.server import Server
from pytest_cutover.target import Target

_HEADER_BYTES = 1 << 16
# Settings that pg_dump writes at the top of a dump, and the first major version that knows them.
SETTINGS_SINCE = {b"transaction_timeout": 17}


def run_psql(
    server: Server,
    programs: Path,
    target: Target,
    source: IO[bytes],
    what: str,
    facts: BackupFacts | None = None,
    progress: Progress | None = None,
) -> tuple[tuple[str, ...], list[str]]:
    """Feeds the text to psql; returns the server's warnings and what was left out on the way."""
    argv = [str(programs / "psql"), "--no-psqlrc", "--quiet", "--no-password", "--set=ON_ERROR_STOP=1", "--file=-"]
    process = subprocess.Popen(
        argv, env=target.libpq_environment(os.environ), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None and process.stderr is not None
    complaints: list[bytes] = []
    reader = threading.Thread(target=drain, args=(process.stderr, complaints), daemon=True)
    reader.start()
    notes: list[str] = []
    try:
        if facts is not None and not facts.is_archive and not facts.restricted and can_restrict(programs):
            process.stdin.write(b"\\restrict %s\n" % secrets.token_hex(16).encode())
        _feed(process.stdin, source, server.facts.major, facts, progress, notes)
    except BrokenPipeError:
        pass  # psql stopped at an error, which it has told
    finally:
        with suppress(BrokenPipeError):
            process.stdin.close()
        process.wait()
        reader.join()
        process.stderr.close()
    text = b"".join(complaints).decode(errors="replace")
    return judge(process.returncode, text, what, server), notes


def drain(stream: IO[bytes], into: list[bytes]) -> None:
    """Reads the stream to its end."""
    while chunk := stream.read(65536):
        into.append(chunk)


def _feed(
    sink: IO[bytes],
    source: IO[bytes],
    major: int,
    facts: BackupFacts | None,
    progress: Progress | None,
    notes: list[str],
) -> None:
    """Passes the text on, without a byte order mark and the settings that the server does not know."""
    chunk = source.read(_HEADER_BYTES)
    if chunk.startswith(b"\xef\xbb\xbf"):
        chunk = chunk[3:]
    if facts is not None:
        for name, since in SETTINGS_SINCE.items():
            if major < since:
                chunk, times = re.subn(rb"^SET %s = [^\n]*;$" % name, b"", chunk, count=1, flags=re.MULTILINE)
                if times:
                    notes.append(f"left out SET {name.decode()}, which PostgreSQL {major} does not know")
    # Of a compressed file the unpacked size is not known before its end.
    total = facts.bytes if facts is not None and facts.format == "plain" else None
    with Meter(progress or (lambda text: None), total) as meter:
        while chunk:
            sink.write(chunk)
            meter.add(len(chunk))
            chunk = source.read(CHUNK_BYTES)
