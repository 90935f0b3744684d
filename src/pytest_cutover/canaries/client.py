"""A client that asks again and again, in a thread and a session of its own."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from typing import ClassVar

import psycopg

from pytest_cutover.canaries.model import INTERVAL_S, Access, Wait
from pytest_cutover.errors import describe_error
from pytest_cutover.target import Target
from pytest_cutover.trace.triggers import QUIET

GONE = (psycopg.errors.UndefinedTable, psycopg.errors.WrongObjectType, psycopg.errors.InvalidSchemaName)
"""What a statement meets whose table is not there."""

# Who is refused a lock asks again in a moment: that would fill the log.
_QUIET = {**QUIET, "log_min_messages": "panic"}
_REFUSED = "permission denied to set parameter"
_AGAIN_S = 0.25
_PATIENCE_S = 2.0


class Client(ABC):
    """One client of one table."""

    SETTINGS: ClassVar[Mapping[str, str]] = {}

    def __init__(self, target: Target, table: str, access: Access) -> None:
        self.table, self.access = table, access
        self.stopping = threading.Event()
        self.ready = threading.Event()
        self.thread = threading.Thread(target=self._ask, name=f"pytest-cutover {access}", daemon=True)
        self._target = target
        self._quiet = _QUIET
        self._connection: psycopg.Connection | None = None
        self._tries = 0
        self._missing = ""

    @abstractmethod
    def told(self, began: float, ended: float) -> Wait:
        """What it met between these two moments."""

    @abstractmethod
    def _look(self, connection: psycopg.Connection) -> None:
        """Asks once."""

    def _look_back(self, connection: psycopg.Connection) -> None:
        """Asks once more where what it met last was not over: the migration is."""

    def end(self) -> None:
        """Ends it; a wait for what nobody gives back, as the locks of a prepared transaction, is ended, too."""
        if self.thread.ident is None:
            return
        self.thread.join(_PATIENCE_S)
        while self.thread.is_alive():
            if self._connection is not None:
                self._connection.cancel_safe(timeout=1.0)
            self.thread.join(_PATIENCE_S)

    def _ask(self) -> None:
        while not self.stopping.is_set():
            again = INTERVAL_S
            try:
                # Somebody may end the sessions of others: those of an application would come again, too.
                with suppress(psycopg.OperationalError), self._connect() as self._connection:
                    self._keep_asking(self._connection)
            except psycopg.Error as error:
                self._missing, again = describe_error(error), _AGAIN_S
            self.ready.set()
            self.stopping.wait(again)

    def _connect(self) -> psycopg.Connection:
        try:
            return self._target.connect(settings={**self._quiet, **self.SETTINGS})
        except psycopg.OperationalError as error:
            # On a server that was given, where nothing is read from the log, the account may be nobody's superuser.
            if _REFUSED in str(error):
                self._quiet = {}
            raise

    def _keep_asking(self, connection: psycopg.Connection) -> None:
        while True:
            self._look(connection)
            self.ready.set()
            if self.stopping.wait(self._rest()):
                self._look_back(connection)
                return

    def _rest(self) -> float:
        """Seconds until it asks again."""
        return INTERVAL_S
