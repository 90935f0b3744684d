"""A backup that a program prints: run once, kept in a private file for as long as the rehearsal needs it."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from pytest_cutover.backup.meter import Meter, Progress, size
from pytest_cutover.backup.packing import CHUNK_BYTES
from pytest_cutover.errors import BackupError
from pytest_cutover.sandbox.directories import make_directory, sandbox_base

_SECRET_NAME = re.compile(r"PASS|SECRET|TOKEN|KEY|CREDENTIAL", re.IGNORECASE)
_SECRET_IN_URL = re.compile(r"(\w+://[^:/@\s]*:)[^@\s]*@")
_MASK = r"\1…@"
_SHORTEST_SECRET = 4
_COMPLAINT_LINES = 8
_COMPLAINT_BYTES = 64 * 1024


class FetchedBackup:
    """The file that a program's standard output went into; `close` removes it, as does the next run after a crash."""

    def __init__(self) -> None:
        self._directory, self._lock = make_directory(sandbox_base())
        self.path = self._directory / "backup"
        self.path.touch(mode=0o600)

    def close(self) -> None:
        """Removes the file."""
        if self._directory.exists():
            shutil.rmtree(self._directory, ignore_errors=True)
            os.close(self._lock)


def fetch_backup(
    command: Sequence[str], folder: Path, timeout_s: float, max_bytes: int | None, progress: Progress
) -> FetchedBackup:
    """Runs the program in the folder and keeps its standard output in a file that nobody else may read.

    The program has our environment, since it needs the credentials of some store. `{python}` is this Python.

    Raises:
        BackupError: it cannot be started, fails, prints nothing, prints too much, or takes too long.
    """
    argv = [part.replace("{python}", sys.executable) for part in command]
    what = f"The backup command {_SECRET_IN_URL.sub(_MASK, ' '.join(command))!r}"
    fetched = FetchedBackup()
    try:
        with fetched.path.open("wb") as sink:
            try:
                process = subprocess.Popen(
                    argv, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                    start_new_session=True,
                )  # fmt: skip
            except OSError as error:
                raise BackupError(
                    f"{what} cannot be started: {error.strerror}: {argv[0]}\nCorrect backup.command in the plan."
                ) from error
            assert process.stdout is not None and process.stderr is not None
            complaints = bytearray()
            listener = threading.Thread(target=_listen, args=(process, complaints), daemon=True)
            listener.start()
            overdue = threading.Event()
            timer = threading.Timer(timeout_s, _give_up, (process, overdue))
            timer.start()
            too_much = False
            done = 0
            try:
                with Meter(progress, None, "fetching the backup") as meter:
                    while chunk := process.stdout.read1(CHUNK_BYTES):  # type: ignore[attr-defined]
                        done += len(chunk)
                        if max_bytes is not None and done > max_bytes:
                            too_much = True
                            break
                        sink.write(chunk)
                        meter.add(len(chunk))
                if not too_much:
                    process.wait()
            finally:
                timer.cancel()
                _kill(process)
                process.wait()
                process.stdout.close()
                listener.join(timeout=5)
                process.stderr.close()
        said = _masked(complaints.decode(errors="replace"))
        if overdue.is_set():
            raise BackupError(
                f"{what} took longer than {timeout_s:g} s and was ended; it had printed {size(done)}.{said}\n"
                "Give it longer with backup.timeout, or find out what it waits for."
            )
        if too_much:
            raise BackupError(
                f"{what} printed more than {size(max_bytes or 0)} and was ended.\n"
                "Raise backup.max_bytes if the backup is that large."
            )
        if process.returncode != 0:
            raise BackupError(f"{what} failed with status {process.returncode}; it had printed {size(done)}.{said}")
        if done == 0:
            raise BackupError(f"{what} printed nothing; its standard output is taken for the backup.{said}")
    except OSError as error:
        fetched.close()
        raise BackupError(
            f"{what}: its output could not be kept in {fetched.path.parent}: {error.strerror}.\n"
            "Free some space, or set TMPDIR to a folder on a larger disk."
        ) from error
    except BaseException:
        fetched.close()
        raise
    return fetched


def _listen(process: subprocess.Popen[bytes], into: bytearray) -> None:
    """Keeps the end of what the program complains of."""
    assert process.stderr is not None
    with contextlib.suppress(OSError, ValueError):
        while chunk := process.stderr.read1(4096):  # type: ignore[attr-defined]
            into += chunk
            del into[:-_COMPLAINT_BYTES]


def _give_up(process: subprocess.Popen[bytes], overdue: threading.Event) -> None:
    overdue.set()
    _kill(process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Ends the program and whatever it started in its session."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGTERM)
    for _ in range(20):
        if process.poll() is not None:
            break
        time.sleep(0.05)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _masked(text: str) -> str:
    """The last lines without passwords in addresses and without the values of variables that look like secrets."""
    text = _SECRET_IN_URL.sub(_MASK, text)
    for name, value in os.environ.items():
        if _SECRET_NAME.search(name) and len(value) >= _SHORTEST_SECRET:
            text = text.replace(value, "…")
    return "".join(f"\n    {line}" for line in text.strip().splitlines()[-_COMPLAINT_LINES:])
