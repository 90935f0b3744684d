"""Servers that replicate, prepare transactions and keep statistics of statements, as those in use do."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
import pytest

from pytest_cutover.sandbox import embedded
from pytest_cutover.sandbox.binaries import Binaries, find_binaries
from pytest_cutover.sandbox.directories import Account, server_account
from pytest_cutover.sandbox.embedded import EmbeddedServer
from pytest_cutover.target import Target

SETTINGS = {
    "wal_level": "replica", "max_wal_senders": "4", "max_replication_slots": "4", "max_prepared_transactions": "4",
    "shared_preload_libraries": "pg_stat_statements", "shared_buffers": "32MB",
}  # fmt: skip


def majors() -> dict[int, Binaries]:
    """One set of programs of each major version on this machine that has pg_stat_statements."""
    found: dict[int, Binaries] = {}
    for each in find_binaries():
        shared = subprocess.run([each.program("pg_config"), "--sharedir"], capture_output=True, text=True, check=False)
        shares = [Path(shared.stdout.strip()), each.folder.parent / "share", each.folder.parent / "share/postgresql"]
        if any((share / "extension/pg_stat_statements.control").is_file() for share in shares):
            found.setdefault(each.major, each)
    return found


@contextmanager
def started(binaries: Binaries, **settings: str) -> Iterator[EmbeddedServer]:
    """A server with SETTINGS, and these."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embedded, "DISPOSABLE_SETTINGS", embedded.DISPOSABLE_SETTINGS | SETTINGS | settings)
        server = EmbeddedServer.start(binaries, "for a test")
    try:
        yield server
    finally:
        server.close()


@dataclass
class Standby:
    """A standby of a server."""

    target: Target

    def execute(self, sql: str) -> None:
        """Runs one statement on it."""
        with self.target.connect() as connection:
            connection.execute(sql.encode())


@contextmanager
def standby_of(server: EmbeddedServer) -> Iterator[Standby]:
    """A standby that streams from the server; gone afterwards."""
    account = server_account()
    with (server.directory / "data" / "pg_hba.conf").open("a", encoding="utf-8") as file:
        file.write("host replication all 127.0.0.1/32 scram-sha-256\n")
    primary = server.maintenance
    with primary.connect() as connection:
        connection.execute("SELECT pg_reload_conf()")
    folder = Path(tempfile.mkdtemp(prefix="standby-", dir=server.directory.parent))
    process = None
    try:
        if account.name is not None:
            os.chown(folder, account.uid, account.gid)
        environment = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC", "PGPASSWORD": primary.password}
        copied = _run(
            [str(server.programs / "pg_basebackup"), "-D", str(folder / "data"), "-R", "-X", "stream", "-c", "fast", "--no-sync",
             "-h", primary.host, "-p", str(primary.port), "-U", primary.user], folder, environment, account,
        )  # fmt: skip
        assert copied.wait(60) == 0
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        process = _run(
            [str(server.programs / "postgres"), "-D", str(folder / "data"), "-c", f"port={port}", "-c",
             "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "hot_standby=on", "-c", "fsync=off", "-c", "max_connections=100",
             "-c", "max_locks_per_transaction=256", "-c", "shared_buffers=16MB", "-c", "max_wal_senders=4",
             "-c", "max_prepared_transactions=4", "-c", "wal_receiver_status_interval=1s"], folder, environment, account,
        )  # fmt: skip
        standby = Standby(replace(primary, port=port))
        _wait_until_it_answers(standby.target)
        yield standby
    finally:
        if process is not None:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _run(arguments: list[str], folder: Path, environment: dict[str, str], account: Account) -> subprocess.Popen[bytes]:
    other = account.name is not None
    return subprocess.Popen(
        arguments, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        user=account.uid if other else None, group=account.gid if other else None, extra_groups=[] if other else None,
    )  # fmt: skip


def _wait_until_it_answers(target: Target) -> None:
    for _ in range(300):
        with suppress(psycopg.OperationalError):
            target.connect().close()
            return
        time.sleep(0.05)
    raise AssertionError("the standby does not answer")
