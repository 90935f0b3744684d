"""A container ends with whoever asked for it: its labels, its reaper, and the sweep of what even that one left."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import socket
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

from pytest_cutover.sandbox import reaper
from pytest_cutover.sandbox.directories import LOCK
from pytest_cutover.sandbox.docker_engine import Engine

LABEL_RUN = "pytest-cutover.run"
LABEL_HOST = "pytest-cutover.host"
LABEL_DIRECTORY = "pytest-cutover.directory"

_FOREIGN_AGE_S = 24 * 3600


def labels_of(run: str, directory: Path) -> dict[str, str]:
    """What a run's container is known by: the run, the machine, the folder whose lock tells whether the run goes on."""
    return {LABEL_RUN: run, LABEL_HOST: _this_machine(), LABEL_DIRECTORY: str(directory)}


def sweep_containers(engine: Engine) -> list[str]:
    """Removes containers whose run is over and that nobody removed; returns their ids.

    A run of this machine is over when nobody holds its lock. Of another machine's runs, which share a remote engine,
    nothing is known: theirs are removed after a day.
    """
    from docker.errors import DockerException

    removed = []
    with contextlib.suppress(DockerException):
        for container in engine.client.containers.list(all=True, filters={"label": LABEL_RUN}, ignore_removed=True):
            labels = container.labels
            if labels.get(LABEL_HOST) == _this_machine():
                if _is_held(Path(labels.get(LABEL_DIRECTORY, "/nowhere")) / LOCK):
                    continue
            elif _age_s(container.attrs.get("Created", "")) < _FOREIGN_AGE_S:
                continue
            reaper.remove_containers(f"{LABEL_RUN}={labels[LABEL_RUN]}")
            removed.append(str(container.id))
    return removed


def _this_machine() -> str:
    """What tells this machine from others that use the same engine."""
    with contextlib.suppress(OSError):
        return f"{socket.gethostname()} {Path('/etc/machine-id').read_text().strip()}"
    return socket.gethostname()


def _is_held(lock: Path) -> bool:
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
    except PermissionError:
        return True  # another account's run: its own next run sweeps
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def _age_s(created: str) -> float:
    match = re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", created)
    if match is None:
        return 0.0
    then = datetime.fromisoformat(match[0]).replace(tzinfo=timezone.utc)
    return (datetime.now(timezone.utc) - then).total_seconds()


def start_reaper(run: str, directory: Path, lock: int) -> subprocess.Popen[bytes]:
    """The reaper of a run's container; it takes over the lock on the run's folder."""
    try:
        process = subprocess.Popen(
            [sys.executable, "-I", reaper.__file__], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True, pass_fds=(lock,), cwd="/",
        )  # fmt: skip
    finally:
        os.close(lock)
    assert process.stdin is not None
    order = {"label": f"{LABEL_RUN}={run}", "directory": str(directory), "path": sys.path}
    process.stdin.write(json.dumps(order).encode() + b"\n")
    process.stdin.flush()
    return process


def end_reaper(keeping: subprocess.Popen[bytes]) -> None:
    """Has the container removed, and returns when it is."""
    if keeping.stdin is not None and not keeping.stdin.closed:
        with contextlib.suppress(BrokenPipeError):
            keeping.stdin.close()
    keeping.wait()
