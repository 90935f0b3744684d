"""Runs one program for a step: with no network beyond the sandbox where the system allows it, and none of it left behind.

Started as a program of its own that imports only the standard library: namespaces are entered and children adopted by
a whole process, and the one that runs pytest has threads. It reads one line of JSON from standard input:

* `argv`, `cwd`; `environments`: one for a program that is `shut_in`, one for a program in the `open`
* `sandbox`: host and port of the server, or null where the program needs no server
* `listen`: the port on 127.0.0.1 under which a shut-in program finds that server
* `hidden`: files that a shut-in program finds empty

It answers on the descriptor that is its argument, a line of JSON each: `{"network": …}` with null for a program that is
shut in and otherwise the reason why not, then `{"status": …}` as of `subprocess`, or `{"error": …}` where it did not start.
When standard input ends it ends the program and everything that the program started.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import selectors
import signal
import socket
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_cutover.migrate.confined.program import Program
    from pytest_cutover.migrate.confined.relay import Relay
else:
    from program import Program
    from relay import Relay

_PR_SET_CHILD_SUBREAPER = 36
_LINGER_S = 0.5
"""How long what a program sent last may be on its way to the server after the program's end."""
_GRACE_S = 0.5
"""How long a helper of the program may take to notice that the program has ended, and to end as well."""


def _answer(descriptor: int, **words: Any) -> None:
    with contextlib.suppress(OSError):
        os.write(descriptor, (json.dumps(words) + "\n").encode())


def main() -> None:
    """Runs the program that standard input describes, and ends what is left of it."""
    descriptor = int(sys.argv[1])
    os.set_inheritable(descriptor, False)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
    order = json.loads(sys.stdin.readline())
    woken, waking = socket.socketpair()
    for end in (woken, waking):
        end.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(waking.fileno(), warn_on_full_buffer=False)
    program = Program(order)
    _answer(descriptor, network=program.refusal)
    if program.error is not None:
        _answer(descriptor, error=program.error)
    _serve(program, order, woken, descriptor)


def _serve(program: Program, order: dict[str, Any], woken: socket.socket, descriptor: int) -> None:
    """Relays until the program has ended or standard input has."""
    selector = selectors.DefaultSelector()
    selector.register(sys.stdin, selectors.EVENT_READ)
    selector.register(woken, selectors.EVENT_READ)
    relay = None
    if program.listener is not None:
        relay = Relay(program.listener, (order["sandbox"][0], order["sandbox"][1]), selector)
    ended: int | None = None
    called_off = False
    left = 0
    try:
        while ended is None and not called_off:
            # The program may have ended before there was anybody to be woken.
            for key, events in selector.select(0.5):
                if key.fileobj is sys.stdin:
                    called_off = True
                elif key.fileobj is woken:
                    with contextlib.suppress(BlockingIOError):
                        woken.recv(4096)
                else:
                    key.data(events)
            ended = _status(program)
    finally:
        left = program.end(0.0 if ended is None else _GRACE_S)
    if not called_off:
        until = time.monotonic() + _LINGER_S
        while relay is not None and relay.busy and (rest := until - time.monotonic()) > 0:
            for key, events in selector.select(rest):
                if key.data is not None:
                    key.data(events)
                elif key.fileobj is woken:
                    with contextlib.suppress(BlockingIOError):
                        woken.recv(4096)
                else:
                    until = 0.0
        _answer(descriptor, status=ended, **({"left": left} if left else {}))
    if relay is not None:
        relay.close()


def _status(program: Program) -> int | None:
    """The program's exit status once it has ended; whatever else has ended is reaped on the way."""
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return None
            if pid == program.pid:
                return os.waitstatus_to_exitcode(status)
    return None


if __name__ == "__main__":
    main()
