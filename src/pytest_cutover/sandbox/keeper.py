"""Runs one server for as long as the process that asked for it lives, then removes server and files.

Started as a program of its own, in its own session, so that neither Ctrl-C nor the death of the asking process can
leave a server or its data behind. It reads one line of JSON from standard input, starts the server, says
`{"pid": …}`, and waits for standard input to end. A line `keep` before that end leaves the files; a line `crash` kills the
server with all its processes (SIGKILL), starts it again on what is left, and says `{"pid": …}` anew. It imports nothing
but the standard library: it starts fast and does not depend on the environment of the run.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from typing import Any

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_STOP_TIMEOUT_S = 20.0


def _die_with_parent() -> None:
    # The kernel ends the server should this keeper itself be killed; other systems have the next run's sweep.
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT)


def _stop(server: subprocess.Popen[bytes]) -> None:
    # SIGQUIT is PostgreSQL's immediate shutdown: the data is thrown away, a checkpoint would be wasted.
    if server.poll() is None:
        server.send_signal(signal.SIGQUIT)
        try:
            server.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _remove(directory: str) -> None:
    for _ in range(50):
        shutil.rmtree(directory, ignore_errors=True)
        if not os.path.exists(directory):
            return
        time.sleep(0.1)


def _start(order: dict[str, Any]) -> subprocess.Popen[bytes]:
    with open(order["log"], "ab") as log:
        return subprocess.Popen(
            order["argv"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=order["directory"],
            env=order["env"],
            user=order["user"],
            group=order["group"],
            extra_groups=[] if order["user"] is not None else None,
            start_new_session=True,
            preexec_fn=_die_with_parent,  # noqa: PLW1509 (this process has one thread)
        )


def _crash(server: subprocess.Popen[bytes]) -> None:
    """Kills the server and all its processes: none of them can do, or write, anything more."""
    if sys.platform == "linux":
        # Those that lose their parent become ours, so that we can wait for their end.
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
    # It is stopped first: a server that sees its processes die goes to work, and they do where they see it die.
    server.send_signal(signal.SIGSTOP)
    own: list[int] = []
    with contextlib.suppress(OSError), open(f"/proc/{server.pid}/task/{server.pid}/children", encoding="ascii") as file:
        own = [int(word) for word in file.read().split()]
    for pid in own:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    server.kill()
    server.wait()
    for pid in own:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)


def main() -> None:
    """Keep the server that standard input describes until standard input ends."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    order = json.loads(sys.stdin.readline())
    server = _start(order)
    word = ""
    try:
        while True:
            with contextlib.suppress(BrokenPipeError):
                print(json.dumps({"pid": server.pid}), flush=True)
            # The end of input comes with whatever death of the other side. A server that ended by itself is reaped.
            while not select.select([sys.stdin], [], [], 0.5)[0]:
                server.poll()
            word = sys.stdin.readline().strip()
            if word != "crash":
                break
            _crash(server)
            server = _start(order)
    finally:
        _stop(server)
        if word != "keep":
            _remove(order["directory"])


if __name__ == "__main__":
    main()
