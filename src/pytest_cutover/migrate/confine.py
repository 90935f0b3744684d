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
import errno
import fcntl
import json
import os
import selectors
import signal
import socket
import stat
import struct
import sys
import time
from typing import Any, NoReturn

_CLONE_NEWNS, _CLONE_NEWUSER, _CLONE_NEWNET = 0x00020000, 0x10000000, 0x40000000
_MS_BIND, _MS_REC, _MS_PRIVATE = 0x1000, 0x4000, 0x40000
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 0x1
_SO_ACCEPTCON = 0x10000
_NAME_SERVICES = ("/run/nscd/", "/var/run/nscd/", "/var/lib/sss/")
"""Sockets that answer who an account is; they lead to no database."""

_CHUNK = 1 << 18
_CONNECT_TIMEOUT_S = 10.0
_LINGER_S = 0.5
"""How long what a program sent last may be on its way to the server after the program's end."""


class Enclosure:
    """Shuts the calling process in: a network of its own, and no socket file of another server."""

    def __init__(self, order: dict[str, Any]) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._sandbox: list[Any] | None = order["sandbox"]
        self._listen: int = order["listen"]
        self._hidden: list[str] = order["hidden"]

    def enter(self) -> socket.socket | None:
        """The listening socket inside, which the outer process serves; None where no server is needed.

        Raises:
            OSError: the system does not allow it. Some of it may have been done by then.
        """
        sockets = self._socket_files()
        try:
            self._call("unshare", _CLONE_NEWNET | _CLONE_NEWNS)
        except PermissionError:
            self._unshare_as_user()
        self._call("mount", None, b"/", None, ctypes.c_ulong(_MS_REC | _MS_PRIVATE), None)
        for path in (*sockets, *self._hidden):
            self._hide(path)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
            (flags,) = struct.unpack_from(
                "16xh", fcntl.ioctl(any_socket, _SIOCGIFFLAGS, struct.pack("16sh14x", b"lo", 0))
            )
            fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | _IFF_UP))
        if self._own_socket() or self._sandbox is None:
            return None
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.bind(("127.0.0.1", self._listen))
        listener.listen(64)
        return listener

    def _unshare_as_user(self) -> None:
        # Inside a user namespace an ordinary account may do what it needs here; it keeps its own number.
        user, group = os.geteuid(), os.getegid()
        self._call("unshare", _CLONE_NEWUSER | _CLONE_NEWNET | _CLONE_NEWNS)
        for name, text in (
            ("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1"),
        ):  # fmt: skip
            with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
                file.write(text)

    def _own_socket(self) -> str:
        """The socket file of the sandbox, where it has one."""
        if self._sandbox is None or not str(self._sandbox[0]).startswith("/"):
            return ""
        return f"{self._sandbox[0]}/.s.PGSQL.{self._sandbox[1]}"

    def _socket_files(self) -> list[str]:
        """Files behind which somebody listens: a network namespace does not stop a connection to one."""
        with open("/proc/net/unix", encoding="utf-8", errors="surrogateescape") as file:
            entries = [line.rstrip("\n").split(maxsplit=7) for line in list(file)[1:]]
        found = {entry[7] for entry in entries if len(entry) == 8 and int(entry[3], 16) & _SO_ACCEPTCON}
        own = self._own_socket()
        return sorted(
            path for path in found
            if path.startswith("/") and not path.startswith(_NAME_SERVICES)
            and not (own and os.path.exists(own) and os.path.exists(path) and os.path.samefile(own, path))
        )  # fmt: skip

    def _hide(self, path: str) -> None:
        try:
            mode = os.stat(path).st_mode
            if stat.S_ISSOCK(mode) or stat.S_ISREG(mode):
                self._call("mount", b"/dev/null", os.fsencode(path), None, ctypes.c_ulong(_MS_BIND), None)
        except OSError as error:
            # What this account cannot reach its program cannot reach either.
            if error.errno not in (errno.ENOENT, errno.EACCES, errno.ENOTDIR):
                raise

    def _call(self, name: str, *arguments: Any) -> None:
        if getattr(self._libc, name)(*arguments) != 0:
            number = ctypes.get_errno()
            raise OSError(number, f"{name}: {os.strerror(number)}")


class End:
    """One end of a relayed connection: bytes wait here until its socket takes them."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = connection
        self.waiting = b""
        self.ended = False
        self.other: End


class Relay:
    """Carries what comes in on the listening socket to the sandbox and back; connections lead nowhere else."""

    def __init__(self, listener: socket.socket, address: tuple[str, int], selector: selectors.BaseSelector) -> None:
        self._address = address
        self._selector = selector
        self._ends: set[End] = set()
        listener.setblocking(False)
        self._listener = listener
        selector.register(listener, selectors.EVENT_READ, self._accept)

    @property
    def busy(self) -> bool:
        """Whether a connection is open."""
        return bool(self._ends)

    def close(self) -> None:
        """Ends all connections."""
        for end in list(self._ends):
            self._drop(end)
        self._listener.close()

    def _accept(self, _: int) -> None:
        try:
            inside, _address = self._listener.accept()
        except OSError:
            return
        try:
            outside = socket.create_connection(self._address, _CONNECT_TIMEOUT_S)
        except OSError:
            inside.close()
            return
        near, far = End(inside), End(outside)
        near.other, far.other = far, near
        self._ends |= {near, far}
        self._watch(near)
        self._watch(far)

    def _watch(self, end: End) -> None:
        """Reads an end only while the other one has taken everything, so that nothing piles up."""
        wanted = (selectors.EVENT_WRITE if end.waiting else 0) | (
            0 if end.ended or end.other.waiting else selectors.EVENT_READ
        )
        known = end.socket in self._selector.get_map()
        if wanted and known:
            self._selector.modify(end.socket, wanted, lambda events: self._move(end, events))
        elif wanted:
            self._selector.register(end.socket, wanted, lambda events: self._move(end, events))
        elif known:
            self._selector.unregister(end.socket)

    def _move(self, end: End, events: int) -> None:
        if end not in self._ends:
            return
        try:
            if events & selectors.EVENT_WRITE:
                end.waiting = end.waiting[end.socket.send(end.waiting) :]
            if events & selectors.EVENT_READ and not end.other.waiting and not end.ended:
                data = end.socket.recv(_CHUNK)
                end.ended = not data
                if data:
                    with contextlib.suppress(BlockingIOError):
                        data = data[end.other.socket.send(data) :]
                    end.other.waiting = data
            for one in (end, end.other):
                if one.ended and not one.other.waiting:
                    with contextlib.suppress(OSError):
                        one.other.socket.shutdown(socket.SHUT_WR)
        except BlockingIOError:
            return
        except OSError:
            self._drop(end)
            return
        if end.ended and end.other.ended and not end.waiting and not end.other.waiting:
            self._drop(end)
            return
        self._watch(end)
        self._watch(end.other)

    def _drop(self, end: End) -> None:
        for one in (end, end.other):
            self._ends.discard(one)
            if one.socket.fileno() >= 0 and one.socket in self._selector.get_map():
                self._selector.unregister(one.socket)
            one.socket.close()


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

    def end(self, deadline_s: float = 10.0) -> None:
        """Ends every process that is left: those that lost their parent have become ours."""
        if sys.platform != "linux" and self.pid is not None:
            # Nobody adopts them there: what has left the program's process group is out of reach.
            with contextlib.suppress(OSError):
                os.killpg(self.pid, signal.SIGKILL)
        deadline = time.monotonic() + deadline_s
        while time.monotonic() < deadline:
            try:
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            except ChildProcessError:
                return
            for pid in _children():
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.002)


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
        program.end()
    if not called_off:
        until = time.monotonic() + _LINGER_S
        while relay is not None and relay.busy and (left := until - time.monotonic()) > 0:
            for key, events in selector.select(left):
                if key.data is not None:
                    key.data(events)
                elif key.fileobj is woken:
                    with contextlib.suppress(BlockingIOError):
                        woken.recv(4096)
                else:
                    until = 0.0
        _answer(descriptor, status=ended)
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
