"""How old the last backup is, as far as the rehearsal and the server know."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone

from pytest_cutover.database import Database
from pytest_cutover.errors import NotApplicable
from pytest_cutover.finding import Finding
from pytest_cutover.live.looking import Fault, forget_statistics, judge
from pytest_cutover.live.rehearsed import Rehearsed
from pytest_cutover.plan.values import format_duration

_ARCHIVER = """
SELECT current_setting('archive_mode'), failed_count,
       last_failed_time IS NOT NULL AND (last_archived_time IS NULL OR last_failed_time > last_archived_time),
       extract(epoch FROM clock_timestamp() - last_archived_time)::float8
FROM pg_catalog.pg_stat_archiver
"""


def find_backup(database: Database, rehearsed: Callable[[], Rehearsed], max_age: float | None) -> Finding:
    """Whether the backup that was rehearsed is young enough, and the server's archiving of WAL works where it is on.

    Raises:
        NotApplicable: the plan has no `max_age`, and the server archives nothing.
        NotChecked: there is no rehearsal that could say how old its backup is.
    """
    faults, unseen, fine = [], [], []
    if database.dialect == "postgresql":
        forget_statistics(database)
        mode, failed, failing, seconds = database.query(_ARCHIVER).rows[0]
        if mode != "off" and failing:
            since = f"the last success was {format_duration(seconds)} ago" if seconds is not None else "never a success"
            what = "archiving of WAL fails"
            faults.append(Fault(what, f"{what}: {failed:,} failures, {since} (archive_command, pg_stat_archiver)"))
        elif mode != "off" and seconds is None:
            unseen.append("no WAL was archived yet: SELECT pg_switch_wal() shows whether it can be")
        elif mode != "off":
            fine.append(f"WAL is archived, last {format_duration(seconds)} ago")
    if max_age is not None:
        faults += _age(rehearsed().backup_taken, max_age, fine)
    elif not faults and not unseen and not fine:
        raise NotApplicable("the plan has no backup.max_age, and the server archives no WAL: no age is known")
    expected = [f"a backup at most {format_duration(max_age)} old"] if max_age is not None else []
    return judge(faults, unseen, "; ".join(fine), " and ".join([*expected, "no failing archiver"]))


def _age(taken: str | None, max_age: float, fine: list[str]) -> list[Fault]:
    if taken is None:
        what = "the age of the rehearsed backup is not known"
        return [Fault(what, f"{what}: give backup.taken in the plan, and rehearse")]
    seconds = (datetime.now(timezone.utc) - datetime.fromisoformat(taken.replace("Z", "+00:00"))).total_seconds()
    if seconds < -86400:
        what = "the rehearsed backup is dated in the future"
        return [Fault(what, f"{what}: correct backup.taken in the plan")]
    shown = f"the rehearsed backup is {seconds / 86400:.1f} days old"
    if seconds <= max_age:
        fine.append(shown)
        return []
    return [
        Fault(
            "the rehearsed backup is too old", f"{shown}, at most are {format_duration(max_age)}: rehearse a newer one"
        )
    ]
