"""Which pg_restore and which psql can read a backup, and load it into a server."""

from __future__ import annotations

import re
import subprocess
from functools import lru_cache
from pathlib import Path

from pytest_cutover.backup.inspect import BackupFacts
from pytest_cutover.errors import BackupError
from pytest_cutover.sandbox.binaries import client_programs, find_binaries
from pytest_cutover.sandbox.server import Server

# The first minor versions of psql that know \\restrict.
_RESTRICT_SINCE = {13: 22, 14: 19, 15: 14, 16: 10, 17: 6}


def programs_for(facts: BackupFacts, server: Server) -> Path:
    """The folder of the client programs that fit the server and read the archive."""
    if (facts.reader or 0) > major_of(server.programs):
        return client_programs(server.facts.major, facts.reader or 0).folder
    return server.programs


@lru_cache
def major_of(programs: Path) -> int:
    """The major version of the client programs in the folder."""
    return _psql_version(programs)[0]


@lru_cache
def _psql_version(programs: Path) -> tuple[int, int]:
    answer = subprocess.run([programs / "psql", "--version"], capture_output=True, text=True, check=True).stdout
    match = re.search(r"(\d+)(?:\.(\d+))?", answer)
    return (int(match[1]), int(match[2] or 0)) if match else (0, 0)


def psql_for(facts: BackupFacts, server: Server) -> Path:
    """The folder of a psql that can read the dump."""
    if not facts.restricted or can_restrict(server.programs):
        return server.programs
    for binaries in find_binaries():
        if binaries.major >= server.facts.major and can_restrict(binaries.folder):
            return binaries.folder
    raise BackupError(
        f"The backup {facts.path} holds \\\\restrict, which the psql in {server.programs} is too old for.\n"
        "Update the PostgreSQL programs of this machine to their latest minor version."
    )


def can_restrict(programs: Path) -> bool:
    """True where psql knows \\restrict, after which it refuses every command of its own (CVE-2025-8714)."""
    major, minor = _psql_version(programs)
    return major > 17 or minor >= _RESTRICT_SINCE.get(major, 1000)
