"""PostgreSQL without any set-up: the programs of a wheel or of this machine, run for one session and then gone."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import IO

import psycopg
from psycopg import sql

from pytest_cutover.errors import SandboxError
from pytest_cutover.sandbox import keeper
from pytest_cutover.sandbox.binaries import Binaries
from pytest_cutover.sandbox.cluster import SUPERUSER, fill_data_directory, installed
from pytest_cutover.sandbox.directories import (
    Account,
    make_directory,
    sandbox_base,
    server_account,
    sweep,
)
from pytest_cutover.sandbox.server import DISPOSABLE_SETTINGS, STATISTICS, Server, ServerFacts
from pytest_cutover.target import Target

_START_TIMEOUT_S = 60.0
_TRIES = 5
_STARTING = re.compile(r"FATAL:  the database system is (starting up|not yet accepting connections|in recovery mode)")
_LOG = "server.log"

_LISTENING = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "logging_collector": "off"}


class EmbeddedServer(Server):
    """A PostgreSQL server of this machine's programs, listening on 127.0.0.1 alone, with a password of its own."""

    def __init__(self, facts: ServerFacts, maintenance: Target, programs: Path, directory: Path, keeping: _Keeper):
        super().__init__(facts, maintenance, programs)
        self.directory = directory
        self._keeping = keeping

    @classmethod
    def start(cls, binaries: Binaries, why: str, settings: Mapping[str, str] | None = None) -> EmbeddedServer:
        """A running server; `settings` are added to those of a disposable one.

        Raises:
            SandboxError: it could not be started; nothing is left behind.
        """
        account = server_account()
        base = sandbox_base()
        sweep(base)
        directory, lock = make_directory(base)
        keeping: _Keeper | None = None
        try:
            programs = installed(binaries, directory)
            cached_password = fill_data_directory(programs, binaries, directory, account)
            wanted = DISPOSABLE_SETTINGS | dict(settings or {})
            if "shared_preload_libraries" not in wanted:
                wanted = STATISTICS | wanted
            for _ in range(_TRIES):
                port = _free_port()
                keeping = _Keeper(programs, directory, account, port, lock, wanted)
                target = Target("127.0.0.1", port, "postgres", SUPERUSER, cached_password)
                try:
                    if keeping.wait_until_ready(target):
                        break
                except SandboxError:
                    if STATISTICS.keys() <= wanted.keys() and keeping.lacks_statistics():
                        wanted = {name: value for name, value in wanted.items() if name not in STATISTICS}
                    else:
                        raise
                keeping.end(remove=False)
            else:
                raise SandboxError(f"No free port on 127.0.0.1 in {_TRIES} tries.")
            target = _change_password(target)
        except BaseException as error:
            if keeping is not None:
                keeping.end(remove=True)
            shutil.rmtree(directory, ignore_errors=True)
            if isinstance(error, OSError):
                raise SandboxError(f"The disposable PostgreSQL could not be set up in {directory}: {error}") from error
            raise
        finally:
            os.close(lock)
        return cls(ServerFacts("embedded", binaries.version, why), target, programs, directory, keeping)

    def log_position(self) -> float:
        """The log's length in bytes."""
        return (self.directory / _LOG).stat().st_size

    def log_lines(self, position: float) -> Iterator[bytes]:
        """The lines of the log from the position on."""
        with open(self.directory / _LOG, "rb") as log:
            log.seek(int(position))
            yield from log

    def failure(self, what: str, error: BaseException) -> SandboxError:
        """The error with the cause that the server's log names."""
        return SandboxError(
            f"The disposable PostgreSQL {what}: {str(error).strip()}{explain_log(self.directory / _LOG)}"
        )

    def crash(self) -> None:
        """Kills every process of the server (SIGKILL), starts it again, and returns when it has recovered.

        Raises:
            SandboxError: it does not come back.
        """
        self._keeping.crash(self.maintenance)

    def close(self) -> None:
        """Ends the server and removes its files."""
        self._keeping.end(remove=True)


class _Keeper:
    """The keeper process of one server, seen from our side."""

    def __init__(
        self, programs: Path, directory: Path, account: Account, port: int, lock: int, settings: Mapping[str, str]
    ) -> None:
        self._log = directory / _LOG
        # What its log says by now, another try said.
        self._said = len(_read_log(self._log))
        argv = [str(programs / "postgres"), "-D", str(directory / "data")]
        for name, value in (_LISTENING | {"port": str(port)} | dict(settings)).items():
            argv += ["-c", f"{name}={value}"]
        order = {
            "argv": argv,
            "directory": str(directory),
            "log": str(self._log),
            "env": {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
            "user": account.name and account.uid,
            "group": account.gid if account.name else None,
        }
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", keeper.__file__],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            start_new_session=True, pass_fds=(lock,), cwd="/",
        )  # fmt: skip
        try:
            self._stdin.write(json.dumps(order).encode() + b"\n")
            self._stdin.flush()
        except BrokenPipeError:
            raise SandboxError("The keeper of the disposable PostgreSQL did not start.") from None

    @property
    def _stdin(self) -> IO[bytes]:
        assert self._process.stdin is not None
        return self._process.stdin

    def crash(self, target: Target) -> None:
        """Lets the server be killed and started again; returns when it answers."""
        # What its log says by now is not why it may not come back.
        self._said = len(_read_log(self._log))
        self._stdin.write(b"crash\n")
        self._stdin.flush()
        if not self.wait_until_ready(target):
            raise SandboxError("The port of the disposable PostgreSQL was taken while it was started again.")

    def lacks_statistics(self) -> bool:
        """True where the server ended because it has no library to count statements with, or cannot load it."""
        log = _read_log(self._log)[self._said :]
        return any("FATAL" in line and "pg_stat_statements" in line for line in log.splitlines())

    def wait_until_ready(self, target: Target) -> bool:
        """True when the server answers, False when its port was taken meanwhile.

        Raises:
            SandboxError: the server ended or did not answer in time, with what its log says.
        """
        assert self._process.stdout is not None
        answer = self._process.stdout.readline()
        if not answer:
            raise SandboxError(f"The disposable PostgreSQL could not be started.{explain_log(self._log)}")
        pid = int(json.loads(answer)["pid"])
        deadline = time.monotonic() + _START_TIMEOUT_S
        while time.monotonic() < deadline:
            with contextlib.suppress(psycopg.OperationalError):
                target.connect().close()
                return True
            log = _read_log(self._log)[self._said :]
            if "could not bind" in log:
                return False
            if not _alive(pid) or "FATAL" in _STARTING.sub("", log):
                raise SandboxError(f"The disposable PostgreSQL ended while starting.{explain_log(self._log)}")
            time.sleep(0.01)
        raise SandboxError(
            f"The disposable PostgreSQL did not answer within {_START_TIMEOUT_S:.0f} s.{explain_log(self._log)}"
        )

    def end(self, *, remove: bool) -> None:
        """Ends the server; the keeper removes the whole folder, so `remove=False` sets it aside first."""
        if self._process.stdout is not None:
            self._process.stdout.close()
        with contextlib.suppress(BrokenPipeError, OSError):
            if not remove:
                self._stdin.write(b"keep\n")
            self._stdin.close()
        self._process.wait()


def _alive(pid: int) -> bool:
    with contextlib.suppress(FileNotFoundError):
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        return state != "Z"
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not Path("/proc/self").exists()


def _read_log(log: Path) -> str:
    with contextlib.suppress(OSError):
        return log.read_text(errors="replace")
    return ""


def explain_log(log: Path) -> str:
    """What the server's log says of its end, to be put behind an error; empty where it says nothing."""
    text = _read_log(log)
    if "No space left on device" in text:
        return (
            f"\nThe disk is full: {log.parent.parent} has no space left. "
            "Free some, or set TMPDIR to a folder on a larger disk."
        )
    told = [line for line in text.splitlines() if "FATAL" in line or "PANIC" in line or "error" in line.lower()]
    return "".join(f"\n    {line}" for line in told[-5:])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _change_password(target: Target) -> Target:
    """The target with a new password: the one in the cache is the same for every run."""
    fresh = replace(target, password=secrets.token_urlsafe(24))
    with target.connect() as connection:
        hashed = connection.pgconn.encrypt_password(
            fresh.password.encode(), fresh.user.encode(), b"scram-sha-256"
        ).decode()
        connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(fresh.user), sql.Literal(hashed)))
    return fresh
