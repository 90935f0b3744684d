"""Where disposable servers live and what may be kept between runs; and the sweep of what a crash left behind."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import shutil
import signal
import stat
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from pytest_cutover.errors import SandboxError

PREFIX = "pytest-cutover-"
LOCK = "keeper.lock"
CACHE_VARIABLE = "CUTOVER_CACHE_DIR"
"""Environment variable: where programs and an initialised data directory are kept between runs."""

MINIMUM_FREE_BYTES = 256 * 1024 * 1024
_UNPRIVILEGED = "nobody"


@dataclass(frozen=True)
class Account:
    """The account a server runs as; `name` is None where it is our own."""

    name: str | None
    uid: int
    gid: int


def server_account() -> Account:
    """Our own account, or `nobody` where we are root: PostgreSQL refuses to run as root.

    Raises:
        SandboxError: we are root and there is no account to change to.
    """
    if os.geteuid() != 0:
        return Account(None, os.geteuid(), os.getegid())
    try:
        entry = pwd.getpwnam(_UNPRIVILEGED)
    except KeyError:
        raise SandboxError(
            f"PostgreSQL refuses to run as root, and this machine has no account {_UNPRIVILEGED!r} to run it as.\n"
            "Run pytest as an ordinary user."
        ) from None
    return Account(_UNPRIVILEGED, entry.pw_uid, entry.pw_gid)


def _reachable_by_others(path: Path) -> bool:
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in (path, *path.parents))


def sandbox_base() -> Path:
    """The folder that holds disposable servers: the system's temporary folder (TMPDIR).

    Raises:
        SandboxError: the server's account could not reach it, or it is almost full.
    """
    base = Path(tempfile.gettempdir()).resolve()
    if os.geteuid() == 0 and not _reachable_by_others(base):
        raise SandboxError(
            f"{base} cannot be reached by the account {_UNPRIVILEGED!r}, which runs PostgreSQL when we are root.\n"
            "Set TMPDIR to a folder that every account can reach, such as /tmp or /var/tmp."
        )
    free = shutil.disk_usage(base).free
    if free < MINIMUM_FREE_BYTES:
        raise SandboxError(
            f"{base} has {free // 2**20} MB free; a disposable PostgreSQL needs at least "
            f"{MINIMUM_FREE_BYTES // 2**20} MB, and room for the restored backup several times over.\n"
            "Free some space, or set TMPDIR to a folder on a larger disk."
        )
    return base


def cache_root() -> Path | None:
    """The folder for what is kept between runs, made where it is missing; None where none can be had.

    As root it lies where other accounts can read the programs in it.
    """
    named = os.environ.get(CACHE_VARIABLE)
    if named:
        root = Path(named)
    elif os.geteuid() == 0:
        root = Path("/var/cache/pytest-cutover")
    elif sys.platform == "darwin":
        root = Path.home() / "Library/Caches/pytest-cutover"
    else:
        root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pytest-cutover"
    root = root.resolve()
    with contextlib.suppress(OSError):
        root.mkdir(parents=True, exist_ok=True, mode=0o755)
        found = root.stat()
        # A folder that somebody else may write to could hand us programs of their choice.
        if found.st_uid != os.geteuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            return None
        if os.geteuid() == 0 and not _reachable_by_others(root):
            return None
        if os.access(root, os.W_OK):
            return root
    return None


def make_directory(base: Path) -> tuple[Path, int]:
    """A new private folder for one server, and the descriptor of its lock, held for as long as the server lives."""
    directory = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))
    if os.geteuid() == 0:
        directory.chmod(0o711)
    descriptor = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return directory, descriptor


def sweep(base: Path) -> list[Path]:
    """Ends servers whose keeper is dead and removes their folders; returns the folders removed.

    Only folders of ours (name, owner, lock file) are looked at, and only those whose lock nobody holds.
    """
    removed = []
    for directory in sorted(base.glob(f"{PREFIX}*")):
        with contextlib.suppress(OSError):
            if directory.is_symlink() or directory.stat().st_uid != os.geteuid():
                continue
            if not (directory / LOCK).exists() and time.time() - directory.stat().st_mtime < 60:
                continue  # another run is just making it
            descriptor = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _end_server(directory)
                shutil.rmtree(directory, ignore_errors=True)
                removed.append(directory)
            finally:
                os.close(descriptor)
    return removed


def _end_server(directory: Path) -> None:
    """Ends the server whose data lies in the folder, if its process still runs and is that server."""
    try:
        pid = int((directory / "data" / "postmaster.pid").read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return
    for _ in range(100):
        if not _is_server_of(pid, directory):
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGQUIT)
        time.sleep(0.1)


def _is_server_of(pid: int, directory: Path) -> bool:
    try:
        return str(directory).encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        if Path("/proc/self").exists():
            return False
    except OSError:
        return False
    # No /proc: the command is asked of ps.
    import subprocess

    answer = subprocess.run(["ps", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return str(directory) in answer.stdout
