"""What several questions about a live server share: faults, what could not be seen, and the finding of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pytest_cutover.database import Database
from pytest_cutover.errors import NotChecked
from pytest_cutover.finding import Evidence, Finding
from pytest_cutover.names import quote_identifier

STATISTICS = "pg_read_all_stats"
"""The role whose members see what other sessions do; a member of pg_monitor is one of it."""


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong: in a few words that stay the same as long as it does, in a sentence, and the rows."""

    short: str
    message: str
    evidence: Evidence | None = None


def judge(faults: Sequence[Fault], unseen: Sequence[str], fine: str, expected: str) -> Finding:
    """The finding: a fault fails, whatever else could not be seen.

    Raises:
        NotChecked: there is no fault, and something could not be seen.
    """
    if faults:
        return Finding(
            False, "; ".join([*(each.message for each in faults), *(f"not seen: {each}" for each in unseen)]),
            expected=expected, actual=", ".join(each.short for each in faults),
            evidence=tuple(each.evidence for each in faults if each.evidence is not None),
        )  # fmt: skip
    if unseen:
        raise NotChecked("; ".join(unseen))
    return Finding(True, fine, expected=expected, actual="none")


def forget_statistics(database: Database) -> None:
    """Lets the next question see the server's statistics as they are now, not as the transaction saw them first."""
    database.query("SELECT pg_catalog.pg_stat_clear_snapshot()")


def grant(database: Database) -> str:
    """The statement that lets our role see what other sessions do."""
    return f"GRANT {STATISTICS} TO {quote_identifier(str(database.scalar('SELECT current_user')))}"


def some(number: int, one: str, many: str = "") -> str:
    """The number and its noun."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
