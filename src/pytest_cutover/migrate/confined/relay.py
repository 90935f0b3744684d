"""Carries connections of a shut-in program to the sandbox's server and nowhere else."""

from __future__ import annotations

import contextlib
import selectors
import socket

_CHUNK = 1 << 18
_CONNECT_TIMEOUT_S = 10.0


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
