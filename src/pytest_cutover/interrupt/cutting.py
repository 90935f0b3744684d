"""The gate of a run that is cut off: at one point, in one way."""

from __future__ import annotations

import threading
from contextlib import closing

from pytest_cutover.interrupt.commits import Commits
from pytest_cutover.interrupt.gate import Gate, Session
from pytest_cutover.interrupt.model import Point, Way
from pytest_cutover.migrate import Stop
from pytest_cutover.sandbox import EmbeddedServer


class CuttingGate(Gate):
    """Cuts off at the point, and then lets everything pass that still comes. `reached` says that it did."""

    def __init__(self, server: EmbeddedServer, stop: Stop, point: Point, way: Way) -> None:
        self.reached = False
        self._own = server
        self._stop = stop
        self._point = point
        self._way = way
        self._inside: threading.Thread | None = None
        super().__init__(server.maintenance.host, server.maintenance.port)

    def close(self) -> None:
        if self._inside is not None:
            self._inside.join()
        super().close()

    def arrived(self, session: Session) -> bool:
        if len(self.seen) != self._point.number:
            return True
        self.is_open = True
        if not self._point.inside:
            self._strike(session)
            return False
        holding = threading.Event()
        self._inside = threading.Thread(target=self._strike_inside, args=(session, holding), daemon=True)
        self._inside.start()
        holding.wait()
        return True

    def _strike(self, session: Session) -> None:
        self.reached = True
        if self._way == "server":
            self._own.crash()
            self.hang_up()
        elif self._way == "connection":
            with self._own.maintenance.connect() as connection:
                connection.execute("SELECT pg_terminate_backend(%s, 30000)", (session.pid,))
        else:
            self.closed_to_new = True
            self._stop.kill()
            self.hang_up()

    def _strike_inside(self, session: Session, holding: threading.Event) -> None:
        """Lets the statement commit as often as the point says, and cuts it while it stands still."""
        try:
            with closing(iter(Commits(self._own, session.pid, holding))) as done:
                for number in done:
                    if number == self._point.commits:
                        self._strike(session)
                        return
        except BaseException as error:  # noqa: BLE001 (as in the gate: who reads the outcome is told)
            self.failure = error
        finally:
            holding.set()
