"""Runs a program as a step: it is given the sandbox's address and no other, and cannot wait for an answer."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections import deque
from pathlib import Path

from pytest_cutover.migrate.result import StepError, StepRun
from pytest_cutover.plan.model import Step
from pytest_cutover.target import Target

_KEPT_LINES = 20
_ADDRESS_NAME = re.compile(
    r"^PG|DATABASE|POSTGRES|SUPABASE|MYSQL|MONGO|REDIS|(^|_)DB(_|$)|_DSN$|_URL$|_URI$", re.IGNORECASE
)
_ADDRESS_VALUE = re.compile(r"^[a-z0-9+.-]+://[^/\s]*@|^(postgres|postgresql|mysql|mongodb)(\+\w+)?://", re.IGNORECASE)


def clean_environment() -> dict[str, str]:
    """Our own environment without any variable that looks like the address of a database."""
    return {
        name: value
        for name, value in os.environ.items()
        if not _ADDRESS_NAME.search(name) and not _ADDRESS_VALUE.search(value)
    }


def run_command(step: Step, folder: Path, target: Target, backup: Path | None) -> StepRun:
    """Runs the program in the plan's folder. A status other than 0 fails the step; a status of 0 proves nothing."""
    assert step.command is not None
    places = {
        "url": target.url, "host": target.host, "port": str(target.port), "database": target.database,
        "user": target.user, "password": target.password, "path": "",
    }  # fmt: skip
    common = {"python": sys.executable, "backup": str(backup or "")}
    argv = [_fill(word, common) for word in step.command]
    given = {name: _fill(value, places | common) for name, value in step.env.items()}
    environment = clean_environment() | {"PYTHONUNBUFFERED": "1"} | given
    began = time.perf_counter()

    def finish(error: StepError | None) -> StepRun:
        outcome = "ok" if error is None else "failed"
        return StepRun(step.name, outcome, time.perf_counter() - began, step.budget, error)

    try:
        process = subprocess.Popen(
            argv, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        return finish(StepError(f"the program {argv[0]!r} could not be started: {error.strerror}"))
    tail: deque[str] = deque(maxlen=_KEPT_LINES)
    try:
        assert process.stdout is not None
        for line in process.stdout:
            tail.append(line.decode(errors="replace").rstrip().replace(target.password, "…"))
        status = process.wait()
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    finally:
        process.stdout.close()  # type: ignore[union-attr]
    if status != 0:
        return finish(StepError(f"the program ended with status {status}", statement="\n    ".join(tail) or None))
    return finish(None)


def _fill(text: str, places: dict[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda match: places.get(match[1], match[0]), text)
