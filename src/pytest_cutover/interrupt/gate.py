"""A gate between a migration and its server: it counts the statements that pass, and can hold each of them.

It stands outside of both, so it is the same for a file of SQL, for Flyway and for any program. It reads no more of the
protocol (PostgreSQL's documentation, "Message Formats") than where a statement begins. A client waits for an
answer before it goes on, so a statement that is held is a boundary: what came before it is done, and it has not begun.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from dataclasses import dataclass, field

from pytest_cutover.migrate.command import OUR_SESSIONS

_SSL, _GSS, _CANCEL = 80877103, 80877104, 80877102
_RECEIVE = 1 << 16


@dataclass(frozen=True)
class Seen:
    """A statement that came to the gate, and the step that sent it, counted from 0."""

    step: int
    text: str


@dataclass
class Session:
    """One connection through the gate; `pid` is the server's process for it."""

    client: socket.socket
    server: socket.socket
    pid: int = 0
    name: str = ""
    prepared: dict[bytes, str] = field(default_factory=dict)
    portals: dict[bytes, str] = field(default_factory=dict)

    def hang_up(self) -> None:
        """Closes both sides without a goodbye."""
        for each in (self.client, self.server):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


class Gate:
    """Listens on a port of 127.0.0.1 and leads to the server. A subclass says which statement may pass."""

    def __init__(self, host: str, port: int) -> None:
        self.seen: list[Seen] = []
        self.step = 0
        self.is_open = False
        self.closed_to_new = False
        self.sessions: list[Session] = []
        self.failure: BaseException | None = None
        self._server = (host, port)
        self._one_at_a_time = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._listen, daemon=True)]
        self._threads[0].start()

    def close(self) -> None:
        """Ends every connection."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.hang_up()
        for each in list(self._threads):
            each.join(10)

    def hang_up(self) -> None:
        """Ends every connection that there is, without a goodbye."""
        for session in list(self.sessions):
            session.hang_up()

    def _listen(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self.closed_to_new:
                client.close()
                continue
            thread = threading.Thread(target=self._serve, args=(client,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, client: socket.socket) -> None:
        """Passes on what one client sends, until either side is gone."""
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with client, contextlib.suppress(OSError, EOFError), socket.create_connection(self._server) as server:
            server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            session = Session(client, server)
            self.sessions.append(session)
            answers = threading.Thread(target=_answer, args=(session,), daemon=True)
            try:
                if not self._begin(session):
                    return
                answers.start()
                while True:
                    kind = _exactly(client, 1)
                    size = _exactly(client, 4)
                    body = _exactly(client, struct.unpack("!I", size)[0] - 4)
                    text = _statement(session, kind, body)
                    if text is not None and session.name != OUR_SESSIONS and not self._may_pass(session, text):
                        return
                    server.sendall(kind + size + body)
            finally:
                session.hang_up()
                if answers.ident is not None:
                    answers.join(10)

    def _begin(self, session: Session) -> bool:
        """Passes the first message on; false where it was the wish to cancel a statement of another session."""
        while True:
            size = _exactly(session.client, 4)
            body = _exactly(session.client, struct.unpack("!I", size)[0] - 4)
            (code,) = struct.unpack_from("!I", body)
            if code in (_SSL, _GSS):
                session.client.sendall(b"N")
                continue
            session.server.sendall(size + body)
            words = body[4:].split(b"\0")
            given = dict(zip(words[::2], words[1::2], strict=False))
            session.name = given.get(b"application_name", b"").decode(errors="replace")
            return bool(code != _CANCEL)

    def arrived(self, session: Session) -> bool:
        """Whether the statement that was counted last may pass; no other one passes meanwhile."""
        return True

    def _may_pass(self, session: Session, text: str) -> bool:
        with self._one_at_a_time:
            if self.is_open:
                return not self.closed_to_new
            self.seen.append(Seen(self.step, text))
            try:
                return self.arrived(session)
            except BaseException as error:  # noqa: BLE001 (nobody waits for this thread: who reads the outcome is told)
                self.failure = error
                return False


def _statement(session: Session, kind: bytes, body: bytes) -> str | None:
    """The text of the statement that this message lets the server run, None for a message that runs none."""
    if kind == b"Q":
        return body.rstrip(b"\0").decode(errors="replace")
    if kind == b"P":
        name, text = body.split(b"\0", 2)[:2]
        session.prepared[name] = text.decode(errors="replace")
    elif kind == b"B":
        portal, name = body.split(b"\0", 2)[:2]
        session.portals[portal] = session.prepared.get(name, "")
    elif kind == b"E":
        return session.portals.get(body.split(b"\0", 1)[0], "")
    elif kind == b"F":
        return "a function call"
    return None


def _answer(session: Session) -> None:
    """Passes the server's answers on; notes the number of its process on the way."""
    with contextlib.suppress(OSError, EOFError):
        while session.pid == 0:
            kind = _exactly(session.server, 1)
            size = _exactly(session.server, 4)
            body = _exactly(session.server, struct.unpack("!I", size)[0] - 4)
            if kind == b"K":
                (session.pid,) = struct.unpack_from("!I", body)
            session.client.sendall(kind + size + body)
        while data := session.server.recv(_RECEIVE):
            session.client.sendall(data)
    # The client is to find out that the server is gone, and the other way round.
    session.hang_up()


def _exactly(source: socket.socket, size: int) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        data = source.recv(min(size - len(parts), _RECEIVE))
        if not data:
            raise EOFError
        parts += data
    return bytes(parts)
