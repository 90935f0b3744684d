"""The gate of a run that nobody interrupts: which statements work in several transactions, and how often each commits."""

from __future__ import annotations

import threading
from collections.abc import Collection
from dataclasses import dataclass

from pytest_cutover.interrupt.commits import Commits, next_transaction
from pytest_cutover.interrupt.gate import Gate, Session
from pytest_cutover.sandbox import EmbeddedServer


@dataclass
class _Running:
    """The statement that a session was sent last, and the number of the next transaction when it was."""

    number: int
    first: int


class WatchingGate(Gate):
    """Lets everything pass.

    `several` are the statements, by their number, while which several transactions got a number: each may be
    one that commits in between. Of those in `counted` it is known how often they did, in `commits`; None where they
    commit, and not so that it could be seen.
    """

    def __init__(self, server: EmbeddedServer, counted: Collection[int] = ()) -> None:
        self.several: set[int] = set()
        self.commits: dict[int, int | None] = {}
        self._own = server
        self._counted = counted
        self._running: dict[int, _Running] = {}
        self._counting: tuple[Session, threading.Thread] | None = None
        self._asking = server.maintenance.connect()
        super().__init__(server.maintenance.host, server.maintenance.port)

    def close(self) -> None:
        super().close()
        self._end_counting()
        first = next_transaction(self._asking)
        for key in list(self._running):
            self._end(key, first)
        self._asking.close()

    def arrived(self, session: Session) -> bool:
        if self._counting is not None and self._counting[0] is session:
            self._end_counting()
        number, first = len(self.seen), next_transaction(self._asking)
        self._end(id(session), first)
        self._running[id(session)] = _Running(number, first)
        if number in self._counted:
            self._end_counting()
            self._count(session, number)
        return True

    def _end(self, key: int, first: int) -> None:
        """Notes of the statement that a session ran what it took."""
        running = self._running.pop(key, None)
        if running is not None and first - running.first > 1:
            self.several.add(running.number)

    def _count(self, session: Session, number: int) -> None:
        holding = threading.Event()

        def count() -> None:
            try:
                done = 0
                seen = Commits(self._own, session.pid, holding)
                for done in seen:
                    pass
                self.commits[number] = None if seen.are_unseen else done
            except BaseException as error:  # noqa: BLE001 (as in the gate: who reads the outcome is told)
                self.failure = error
            finally:
                holding.set()

        self._counting = session, threading.Thread(target=count, daemon=True)
        self._counting[1].start()
        holding.wait()

    def _end_counting(self) -> None:
        if self._counting is not None:
            self._counting[1].join()
            self._counting = None
