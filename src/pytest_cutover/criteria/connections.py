"""How many connections to the server are in use."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from pytest_cutover.criteria.base import Example
from pytest_cutover.criteria.checking import DatabaseKind
from pytest_cutover.database import Database
from pytest_cutover.finding import Finding
from pytest_cutover.plan.model import Phase

_USED = "SELECT sum(numbackends) FROM pg_catalog.pg_stat_database"
_ALLOWED = "SELECT current_setting('max_connections')::int"


class Connections(DatabaseKind):
    """At most so many connections to the server are in use, over all of its databases, our own one included."""

    KIND: ClassVar[str] = "connections"
    GROUP: ClassVar[str] = "live"
    MEANINGFUL: ClassVar[tuple[Phase, ...]] = ("before", "after", "monitor")
    PROVES: ClassVar[str] = (
        "The server counted the sessions of all its databases at that moment; every role may ask for this number. The "
        "message says how many the server allows."
    )
    CANNOT: ClassVar[str] = "It is one moment. Sessions that wait in a pooler are none of the server's."
    EXAMPLE: ClassVar[Example] = Example(
        criterion="max = 80", before="", passing="", failing="",
        message="83 connections are in use, expected are at most 80; the server allows 100",
    )  # fmt: skip

    max: int = Field(ge=1, strict=True, description="at most this many")

    def find(self, before: Database, after: Database) -> Finding:
        """Counts the sessions."""
        after.query("SELECT pg_catalog.pg_stat_clear_snapshot()")
        used, allowed = int(after.scalar(_USED)), int(after.scalar(_ALLOWED))
        holds = used <= self.max
        return Finding(
            holds, f"{used:,} {'connection is' if used == 1 else 'connections are'} in use"
            + ("" if holds else f", expected are at most {self.max:,}") + f"; the server allows {allowed:,}",
            expected=f"at most {self.max:,}", actual=f"{used:,}",
        )  # fmt: skip
