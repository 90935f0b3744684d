"""Runs a program as a step: it is given the sandbox's address and no other, and cannot wait for an answer.

It runs in a process group of its own without a terminal, shut in with the sandbox's server where the system allows
it (`confined/`). Its exit status can fail the step; that it did something is for the criteria.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import selectors
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg

from pytest_cutover.errors import SandboxError
from pytest_cutover.migrate.environment import command_environment, longest_first, password_files, secrets_of
from pytest_cutover.migrate.output import Output
from pytest_cutover.migrate.result import Notice, StepError, StepRun
from pytest_cutover.plan.model import Step
from pytest_cutover.plan.values import format_duration
from pytest_cutover.sqlite.connection import SqliteTarget
from pytest_cutover.target import Target

LIMIT_S = 3600.0
"""How long a command may take whose step has no budget."""
LIMIT_IN_BUDGETS = 10
"""How many times its budget a command may take before it is ended, but not less than `LEAST_LIMIT_S`."""
LEAST_LIMIT_S = 60.0

OUR_SESSIONS = "pytest-cutover sessions"
"""What the session is called that ends a program's: it is no part of the migration."""

_SHOWN_LINES = 20
_LOOPBACK = "127.0.0.1"
_STOP_TIMEOUT_S = 15.0
_SESSIONS_TIMEOUT_S = 30.0
_CONFINED = Path(__file__).with_name("confined")

# Our own views of the database are named; nobody else but the program can have been there.
_LEFT_SESSIONS = """
SELECT state, pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND usename = current_user AND backend_type = 'client backend'
  AND pid <> pg_backend_pid() AND application_name <> 'pytest-cutover'
"""


@dataclass
class _Ending:
    """What the confining process said: the exit status, why the program did not start, why it was not shut in.

    `left` is how many processes were at work when it had ended.
    """

    status: int | None = None
    error: str | None = None
    network: str | None = "nothing is known of it"
    timed_out: bool = False
    left: int = 0


class Stop:
    """Kills the program of a step (SIGKILL), with all that it started: when another thread says so, or after a time.

    `used` says that it was killed before it had ended.
    """

    def __init__(self, after_s: float | None = None) -> None:
        self._woken, self._waking = socket.socketpair()
        self._ended = threading.Event()
        self._ended.set()
        self.after_s = after_s
        self.used = False

    def fileno(self) -> int:
        """What becomes readable when the program is to be killed."""
        return self._woken.fileno()

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """A program runs inside."""
        self._ended.clear()
        try:
            yield
        finally:
            self._ended.set()

    def kill(self) -> bool:
        """Kills the program and returns when nothing is left of it; false where none is running."""
        if self._ended.is_set():
            return False
        self._waking.send(b"x")
        self._ended.wait(2 * _STOP_TIMEOUT_S)
        return True

    def close(self) -> None:
        """Gives back what it holds."""
        self._woken.close()
        self._waking.close()


def time_limit(budget: float | None) -> float:
    """Seconds after which a command is ended."""
    return LIMIT_S if budget is None else max(LIMIT_IN_BUDGETS * budget, LEAST_LIMIT_S)


def run_command(
    step: Step, folder: Path, target: Target | SqliteTarget, backup: Path | None, stop: Stop | None = None
) -> StepRun:
    """Runs the program in the plan's folder. A status other than 0 fails the step; a status of 0 proves nothing."""
    assert step.command is not None
    common = {"python": sys.executable, "backup": str(backup or "")}
    server = target if isinstance(target, Target) else None
    own = [] if server is None else [server.password, quote(server.password, safe="")]
    secrets = longest_first([*own, *secrets_of(os.environ)])
    output = Output(secrets)
    order = {
        "argv": [_fill(word, common) for word in step.command],
        "cwd": str(folder),
        "environments": {
            "shut_in": command_environment(os.environ, _filled(step.env, _inside(target).places, common)),
            "open": command_environment(os.environ, _filled(step.env, target.places, common)),
        },
        "sandbox": None if server is None else [server.host, server.port],
        "listen": 0 if server is None else server.port,
        "hidden": password_files(os.environ.get("HOME")),
    }
    limit = time_limit(step.budget)
    began = time.perf_counter()
    with stop.running() if stop is not None else contextlib.nullcontext():
        ending = _confined(order, output, limit, stop)
    seconds = time.perf_counter() - began
    notices, running = _end_sessions(server) if ending.error is None and server is not None else ((), 0)
    error = None
    if ending.error is not None:
        error = StepError(f"the program {order['argv'][0]!r} could not be started: {ending.error}")  # type: ignore[index]
    elif stop is not None and stop.used:
        error = StepError("the program was killed")
    elif ending.timed_out:
        error = StepError(f"the program was ended after {format_duration(limit)}, its limit", statement=_tail(output))
    elif ending.status != 0:
        error = StepError(_describe(ending.status), statement=_tail(output))
    elif ending.left:
        error = StepError(_describe_left(ending.left, "process", "processes"), statement=_tail(output))
    elif running:
        error = StepError(_describe_left(running, "statement", "statements"), statement=_tail(output))
    outcome = "ok" if error is None else "failed"
    return StepRun(
        step.name, outcome, seconds, step.budget, error,
        notices=notices, output=output.text, unconfined=ending.network,
    )  # fmt: skip


def _inside(target: Target | SqliteTarget) -> Target | SqliteTarget:
    """The target as a program that is shut in finds it: a server through a port of its own loopback."""
    if isinstance(target, SqliteTarget) or target.host.startswith("/"):
        return target
    if target.parameters.get("sslmode") == "verify-full":
        # The certificate names the server: its name stays, and only the way to it changes.
        return replace(target, parameters={**target.parameters, "hostaddr": _LOOPBACK})
    return replace(target, host=_LOOPBACK)


def _filled(given: dict[str, str], places: dict[str, str], common: dict[str, str]) -> dict[str, str]:
    return {name: _fill(value, places | common) for name, value in given.items()}


def _fill(text: str, places: dict[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda match: places.get(match[1], match[0]), text)


def _confined(order: dict[str, Any], output: Output, limit: float, stop: Stop | None) -> _Ending:
    """Runs the program to its end or to the limit; nothing of it is left in either case."""
    ending = _Ending()
    reading, writing = os.pipe()
    try:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_CONFINED), str(writing)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, pass_fds=(writing,),
            start_new_session=True,
        )  # fmt: skip
    finally:
        os.close(writing)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write((json.dumps(order) + "\n").encode())
            process.stdin.flush()
        said = _listen(process.stdout.fileno(), reading, output, limit, stop)
        ending.timed_out = said is None
    finally:
        # The end of its input makes it end the program.
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        try:
            process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
        os.close(reading)
    output.close()
    for line in (said or b"").splitlines():
        for name, value in json.loads(line).items():
            setattr(ending, name, value)
    return ending


def _listen(printed: int, answers: int, output: Output, limit: float, stop: Stop | None) -> bytes | None:
    """All that the confining process answers until it ends; None where the limit came first, or the program is killed."""
    deadline = time.monotonic() + limit
    if stop is not None and stop.after_s is not None:
        deadline = min(deadline, time.monotonic() + stop.after_s)
    said = b""
    with selectors.DefaultSelector() as selector:
        selector.register(printed, selectors.EVENT_READ)
        selector.register(answers, selectors.EVENT_READ)
        if stop is not None:
            selector.register(stop, selectors.EVENT_READ)
        while (left := deadline - time.monotonic()) > 0:
            for key, _ in selector.select(left):
                if key.fileobj is stop:
                    stop.used = True
                    return None
                data = os.read(key.fd, 1 << 16)
                if key.fd == printed:
                    output.feed(data)
                    if not data:
                        selector.unregister(printed)
                elif data:
                    said += data
                else:
                    # It has ended, and so has everything that could still print; what was printed is in the pipe.
                    _drain(printed, output)
                    return said
    if stop is not None and stop.after_s is not None:
        stop.used = True
    return None


def _drain(printed: int, output: Output) -> None:
    os.set_blocking(printed, False)
    with contextlib.suppress(BlockingIOError):
        while data := os.read(printed, 1 << 16):
            output.feed(data)


def _end_sessions(target: Target) -> tuple[tuple[Notice, ...], int]:
    """Ends what the program left on the server: a statement goes on, and commits, after its client is gone.

    Returns what to say of it, and how many statements were running. A transaction that waits for its client is only
    rolled back, here as elsewhere.

    Raises:
        SandboxError: it cannot be ended, so that the database may still change.
    """
    worked = running = 0
    # A server that does not answer is noticed by whoever asks it next.
    with contextlib.suppress(psycopg.OperationalError), target.connect(name=OUR_SESSIONS) as connection:
        deadline = time.monotonic() + _SESSIONS_TIMEOUT_S
        while left := connection.execute(_LEFT_SESSIONS).fetchall():
            worked = max(worked, sum(state != "idle" for state, _ in left))
            running = max(running, sum(state == "active" for state, _ in left))
            if time.monotonic() > deadline:
                raise SandboxError(f"The program left {len(left)} sessions on {target.shown} that cannot be ended.")
            time.sleep(0.002)
    if worked == 0:
        return (), 0
    one = "a session" if worked == 1 else f"{worked} sessions"
    return (Notice("WARNING", f"the program left {one} at work on the server, which was ended"),), running


def _tail(output: Output) -> str | None:
    return "\n    ".join(output.tail(_SHOWN_LINES)) or None


def _describe_left(left: int, one: str, many: str) -> str:
    return (
        f"the program ended with status 0 and left {f'a {one}' if left == 1 else f'{left} {many}'} at work;"
        " ended here, elsewhere it would go on, and what it would do is not rehearsed: let the program wait for its end"
    )


def _describe(status: int | None) -> str:
    if status is None:
        return "the program was ended, and nobody knows with which status"
    if status < 0:
        return f"the program was ended by signal {-status}"
    return f"the program ended with status {status}"
