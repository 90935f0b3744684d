"""`backup.command`: whatever a program prints is the backup, within limits, and it is gone afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.project import PLAN, Project

from pytest_cutover.backup.source import FetchedBackup, fetch_backup
from pytest_cutover.errors import BackupError
from pytest_cutover.sandbox import Server
from pytest_cutover.target import Target


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder for what is temporary; what is left there at the end is a fault."""
    # Not below pytest's own, which no other account can reach.
    folder = Path(tempfile.mkdtemp(prefix="test-cutover-"))
    folder.chmod(0o755)
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    yield folder
    assert list(folder.iterdir()) == []
    folder.rmdir()


def _fetch(code: str, folder: Path, timeout_s: float = 30, max_bytes: int | None = None) -> FetchedBackup:
    return fetch_backup(["{python}", "-c", code], folder, timeout_s, max_bytes, lambda text: None)


def test_a_rehearsal_of_what_pg_dump_prints_is_a_go(
    server: Server, new_database: Callable[..., Target], project: Project, temporary: Path
) -> None:
    """Also its fresh restore, which reads the file a second time."""
    live = new_database("CREATE TABLE parcels (id integer PRIMARY KEY); INSERT INTO parcels VALUES (1), (2)")
    text = PLAN.replace(
        'path = "../../fixtures/backup.sql"', f'command = ["{server.programs}/pg_dump", "-Fc", "{live.database}"]'
    )
    project.plan(text=text + '[[rollback]]\nname = "restore"\nrestore = true\n')

    status = project.run("--sandbox=embedded", environment=live.libpq_environment(os.environ))

    assert status == 0, project.output
    backup = project.result["plans"][0]["backup"]
    assert backup["format"] == "custom" and len(backup["sha256"]) == 64


def test_the_file_is_private_and_goes(temporary: Path, tmp_path: Path) -> None:
    fetched = _fetch("print('x' * 100_000)", tmp_path)

    assert fetched.path.stat().st_size == 100_001
    assert fetched.path.stat().st_mode & 0o077 == 0
    fetched.close()


def test_a_program_that_fails_is_quoted_without_its_secrets(
    temporary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORE_TOKEN", "hidden-token")
    code = (
        "import os, sys; print('half'); "
        "sys.exit('denied for postgresql://u:hidden-word@db/x with ' + os.environ['STORE_TOKEN'])"
    )

    with pytest.raises(BackupError, match="failed with status 1; it had printed 5 bytes") as raised:
        _fetch(code, tmp_path)

    assert "denied for postgresql://u:…@db/x with …" in str(raised.value)


def test_too_long_too_much_and_nothing_are_refused(temporary: Path, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match=r"took longer than 0\.5 s and was ended.*\n.*backup\.timeout"):
        _fetch("import time; print('x', flush=True); time.sleep(60)", tmp_path, timeout_s=0.5)
    with pytest.raises(BackupError, match=r"printed more than 1\.0 kB and was ended.\n.*backup\.max_bytes"):
        _fetch("while True: print('x' * 1000)", tmp_path, max_bytes=1000)
    with pytest.raises(BackupError, match="printed nothing"):
        _fetch("pass", tmp_path)
    with pytest.raises(BackupError, match="cannot be started: No such file or directory: no-such-program"):
        fetch_backup(["no-such-program"], tmp_path, 5, None, lambda text: None)


def test_what_the_program_started_is_ended_with_it(temporary: Path, tmp_path: Path) -> None:
    """A child that keeps the output open would hang the rehearsal for ever."""
    pid = tmp_path / "pid"
    code = (
        "import subprocess, sys, pathlib, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"pathlib.Path({str(pid)!r}).write_text(str(child.pid))\n"
        "print('x', flush=True); time.sleep(600)"
    )

    with pytest.raises(BackupError, match="took longer"):
        _fetch(code, tmp_path, timeout_s=2)

    for _ in range(100):
        if subprocess.run(["ps", "-p", pid.read_text(), "-o", "stat="], capture_output=True, check=False).stdout[
            :1
        ] in (b"", b"Z"):
            return
        time.sleep(0.1)
    raise AssertionError("the child still runs")


def test_a_killed_run_leaves_it_to_the_next_one(temporary: Path) -> None:
    code = (
        "import os, signal, sys, pathlib\n"
        "from pytest_cutover.backup.source import fetch_backup\n"
        "fetched = fetch_backup(['echo', 'restored data'], pathlib.Path('.'), 5, None, lambda text: None)\n"
        "print(fetched.path, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    left = Path(killed.stdout.strip())
    assert left.exists()

    sweep = "import tempfile, pathlib; from pytest_cutover.sandbox.directories import sweep; sweep(pathlib.Path(tempfile.gettempdir()))"
    subprocess.run([sys.executable, "-c", sweep], check=True)

    assert not left.parent.exists()
