"""The program of a step: begun, shut in where the system allows it, and ended with all that it started."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import sys
import time
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from pytest_cutover.migrate.confined.enclosure import Enclosure
else:
    from enclosure import Enclosure

_PR_SET_PDEATHSIG = 1


class Program:
    """The program and whatever it starts. `refusal` is why it is not shut in, None where it is."""

    def __init__(self, order: dict[str, Any]) -> None:
        self.listener: socket.socket | None = None
        self.refusal: str | None = None
        self.error: str | None = None
        self._order = order
        self.pid = self._start(enclose=True)
        if self.pid is None:
            self.pid = self._start(enclose=False)

    def _start(self, enclose: bool) -> int | None:
        """The number of the process; None where it could not be shut in, and did not start."""
        if enclose and sys.platform != "linux":
            self.refusal = f"{sys.platform} has no network namespaces"
            return None
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            ours.close()
            _become(self._order, theirs, enclose)
        theirs.close()
        with ours:
            word, descriptors, _, _ = socket.recv_fds(ours, 4096, 1)
            if descriptors:
                self.listener = socket.socket(fileno=descriptors[0])
            if word[:1] == b"-":
                self.refusal = word[1:].decode(errors="replace")
                os.waitpid(pid, 0)
                return None
            # It closes by itself when the program begins.
            failed = ours.recv(4096)
        if failed:
            self.error = failed.decode(errors="replace")
        return pid

    def end(self, grace_s: float = 0.0, deadline_s: float = 10.0) -> int:
        """Ends every process that is left, and returns how many did not end by themselves within the grace.

        Those that lost their parent have become ours.
        """
        ended: set[int] = set()
        if sys.platform != "linux" and self.pid is not None:
            # Nobody adopts them there: what has left the program's process group is out of reach.
            with contextlib.suppress(OSError):
                os.killpg(self.pid, signal.SIGKILL)
        began = time.monotonic()
        while (waited := time.monotonic() - began) < grace_s + deadline_s:
            try:
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            except ChildProcessError:
                break
            if waited >= grace_s:
                for pid in _children():
                    ended.add(pid)
                    with contextlib.suppress(OSError):
                        os.kill(pid, signal.SIGKILL)
            time.sleep(0.002)
        return len(ended)


def _become(order: dict[str, Any], channel: socket.socket, enclose: bool) -> NoReturn:
    """Turns this process into the program; says on the channel how far it got."""
    try:
        # A session of its own has no terminal: a question for a password finds nobody to ask.
        os.setsid()
        listener = None
        if enclose:
            try:
                listener = Enclosure(order).enter()
            except (OSError, AttributeError, ValueError) as error:
                channel.sendall(b"-" + (getattr(error, "strerror", None) or str(error)).encode())
                os._exit(0)
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        socket.send_fds(channel, [b"+"], [listener.fileno()] if listener else [])
        if listener is not None:
            listener.close()
        os.chdir(order["cwd"])
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        with open(os.devnull, "rb") as nothing:
            os.dup2(nothing.fileno(), 0)
        os.execvpe(order["argv"][0], order["argv"], order["environments"]["shut_in" if enclose else "open"])
    except OSError as error:
        channel.sendall((error.strerror or str(error)).encode())
    finally:
        os._exit(127)


def _children() -> list[int]:
    """The processes whose parent is this one."""
    own, found = os.getpid(), []
    with contextlib.suppress(OSError, ValueError), open(f"/proc/self/task/{own}/children", encoding="ascii") as file:
        return [int(word) for word in file.read().split()]
    try:
        numbers = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return []
    for number in numbers:
        with (
            contextlib.suppress(OSError, IndexError, ValueError),
            open(f"/proc/{number}/stat", encoding="utf-8", errors="replace") as file,
        ):
            if int(file.read().rpartition(")")[2].split()[1]) == own:
                found.append(number)
    return found
