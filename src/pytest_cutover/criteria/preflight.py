"""Nothing on the live server stands in the migration's way."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, get_args

from pytest_cutover.criteria.base import Example, Kind
from pytest_cutover.criteria.checking import refused
from pytest_cutover.database import Database
from pytest_cutover.errors import NotChecked, QueryError
from pytest_cutover.finding import Finding
from pytest_cutover.live.archive import find_backup
from pytest_cutover.live.capacity import find_connections
from pytest_cutover.live.replication import find_replication
from pytest_cutover.live.touched import touched_tables
from pytest_cutover.live.transactions import find_transactions
from pytest_cutover.live.validity import find_invalid_indexes
from pytest_cutover.plan.model import Changes, Live, Phase, Plan

if TYPE_CHECKING:
    from pytest_cutover.live.run import LiveRun

Question = Literal["transactions", "replication", "indexes", "connections", "backup"]


class Preflight(Kind):
    """Nothing on the live server stands in the migration's way: one criterion for each question, as `preflight:backup`."""

    KIND: ClassVar[str] = "preflight"
    GROUP: ClassVar[str] = "run"
    MEANINGFUL: ClassVar[tuple[Phase, ...]] = ("before",)
    IMPLICIT: ClassVar[bool] = True
    QUESTIONS: ClassVar[tuple[str, ...]] = get_args(Question)
    PROVES: ClassVar[str] = (
        "Ahead of the migration, at that moment. `transactions`: none holds a lock on a table that `[changes]` names (its "
        "partitions, and what its new foreign keys refer to) for longer than `lock`, none is open for longer than "
        "`transaction`, none is prepared. `replication`: this is no standby, the standbys stream and are within "
        "`replication_lag` and `replication_bytes`, no slot is inactive. `indexes`: each is valid and ready. "
        "`connections`: `connections_left` are free on the server, in the database and for the plan's role. `backup`: the "
        "rehearsed one is within the plan's `max_age`, and archiving of WAL does not fail where it is on. The limits are "
        "keys of `[live]`. On SQLite there is `backup` alone, and only with a `max_age`."
    )
    CANNOT: ClassVar[str] = (
        "It is one moment, and a standby that is gone and has no slot is missed only where `standbys` says how many there "
        "are. The age of other backups than the rehearsed one is not known to the server. Whoever may not see other "
        "sessions (pg_read_all_stats, or pg_monitor) gets *not checked*, with the GRANT that helps."
    )
    EXAMPLE: ClassVar[Example] = Example(
        criterion="", before="", passing="", failing="",
        plan='[live]\ntransaction = "5min"\nconnections_left = 20',
        message="1 transaction holds a lock on flights for more than 1.00 s: the migration would wait for its end, and "
        "everybody behind it",
    )  # fmt: skip

    question: Question = "transactions"
    limits: Live = Live()
    changes: Changes = Changes()
    role: str | None = None
    max_age: float | None = None

    @classmethod
    def of_plan(cls, plan: Plan) -> list[Preflight]:
        """The questions that have a meaning for the plan."""
        file = plan.file
        asked: tuple[Question, ...] = ("transactions", "replication", "indexes", "connections", "backup")
        if file.engine == "sqlite":
            asked = ("backup",) if file.backup.max_age is not None else ()
        return [
            cls(
                id=cls.KIND, kind=cls.KIND, phases=["before"], question=each, limits=file.live, changes=file.changes,
                role=file.migrate.role, max_age=file.backup.max_age,
            ).model_copy(update={"id": f"{cls.KIND}:{each}"})
            for each in asked
        ]  # fmt: skip

    def check(self, after: Database, live_run: LiveRun) -> Finding:
        """Finds what stands in the way.

        Raises:
            NotChecked: our role may not see it.
            NotApplicable: the question has no meaning here.
        """
        try:
            return self._find(after, live_run)
        except QueryError as error:
            return refused(error)

    def _find(self, after: Database, live_run: LiveRun) -> Finding:
        if self.question == "transactions":
            return find_transactions(after, self._tables(after, live_run), self.limits)
        if self.question == "replication":
            return find_replication(after, self.limits)
        if self.question == "indexes":
            return find_invalid_indexes(after, building_is_fine=False)
        if self.question == "connections":
            return find_connections(after, self.role, self.limits)
        return find_backup(after, live_run.rehearsed, self.max_age)

    def _tables(self, after: Database, live_run: LiveRun) -> tuple[str, ...]:
        """The tables that the migration touches; without a rehearsal those that are known by name."""
        try:
            rehearsed = live_run.rehearsed()
        except NotChecked:
            return touched_tables(self.changes, (after.catalog,))
        return touched_tables(self.changes, (after.catalog, rehearsed.before, rehearsed.after))
