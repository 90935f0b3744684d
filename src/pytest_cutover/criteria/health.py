"""The live server is well, and stays so."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, get_args

from pytest_cutover.criteria.base import Example, Kind
from pytest_cutover.criteria.checking import refused
from pytest_cutover.database import Database
from pytest_cutover.errors import QueryError
from pytest_cutover.finding import Finding
from pytest_cutover.live.trends import find_orphans, find_slow_statements, find_unused_indexes
from pytest_cutover.live.validity import find_invalid_indexes
from pytest_cutover.live.waits import find_waits
from pytest_cutover.plan.model import Live, Phase, Plan

if TYPE_CHECKING:
    from pytest_cutover.live.run import LiveRun

Question = Literal["locks", "indexes", "unused", "orphans", "statements"]


class Health(Kind):
    """The live server is well: one criterion for each question, as `health:locks`."""

    KIND: ClassVar[str] = "health"
    GROUP: ClassVar[str] = "run"
    MEANINGFUL: ClassVar[tuple[Phase, ...]] = ("monitor",)
    IMPLICIT: ClassVar[bool] = True
    QUESTIONS: ClassVar[tuple[str, ...]] = get_args(Question)
    PROVES: ClassVar[str] = (
        "At each run of the monitor. `locks`: no session waits for a lock for longer than `lock`. `indexes`: each is valid "
        "and ready, or is being built. `orphans`: below the foreign keys of the migration's tables that are not validated or "
        "whose triggers do not fire (in SQLite: below all of them) there are no more orphans than there were at best. Where "
        "`slow_statement` is set, `statements`: none took longer on average since the run before. Where `unused_index` is set, "
        "`unused`: each index that the migration added was used within that time. The limits are keys of `[live]`. SQLite has "
        "`orphans` alone."
    )
    CANNOT: ClassVar[str] = (
        "A reference that no foreign key declares is for `references`. A statement is compared with the run before if it was "
        "among the first in total or mean time, else with all since the statistics began. Growth of tables, sequential scans "
        "and scans of indexes are shown by day and judged by nobody."
    )
    EXAMPLE: ClassVar[Example] = Example(
        criterion="", before="", passing="", failing="",
        plan='[live]\nslow_statement = "500ms"\nunused_index = "7d"',
        message="1 session waits for a lock for more than 1.00 s",
    )  # fmt: skip

    question: Question = "locks"
    limits: Live = Live()

    @classmethod
    def of_plan(cls, plan: Plan) -> list[Health]:
        """The questions that the plan asks."""
        live = plan.file.live
        asked: list[Question] = ["orphans"]
        if plan.file.engine == "postgresql":
            asked = ["locks", "indexes", "orphans"]
            asked += ["unused"] if live.unused_index is not None else []
            asked += ["statements"] if live.slow_statement is not None else []
        return [
            cls(id=cls.KIND, kind=cls.KIND, phases=["monitor"], question=each, limits=live).model_copy(
                update={"id": f"{cls.KIND}:{each}"}
            )
            for each in asked
        ]

    def check(self, after: Database, live_run: LiveRun) -> Finding:
        """Finds what is not well.

        Raises:
            NotChecked: our role may not see it, or there is nothing to compare with.
        """
        try:
            return self._find(after, live_run)
        except QueryError as error:
            return refused(error)

    def _find(self, after: Database, live_run: LiveRun) -> Finding:
        if self.question == "locks":
            return find_waits(after, self.limits.lock)
        if self.question == "indexes":
            return find_invalid_indexes(after, building_is_fine=True)
        figures = live_run.figures()
        if self.question == "unused":
            assert self.limits.unused_index is not None
            return find_unused_indexes(figures, self.limits.unused_index)
        if self.question == "statements":
            assert self.limits.slow_statement is not None
            return find_slow_statements(figures, self.limits.slow_statement)
        return find_orphans(figures)
