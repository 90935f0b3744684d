"""What a check can ask for: its criterion, and the databases of its plan's rehearsal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest

from pytest_cutover.canaries import Wait
from pytest_cutover.criteria.implicit import NO_ROLLBACK
from pytest_cutover.database import Database
from pytest_cutover.errors import NotChecked
from pytest_cutover.hazards import Hazards
from pytest_cutover.interrupt.model import Interrupted
from pytest_cutover.ledger import Ledger
from pytest_cutover.live.counts import CountedRows
from pytest_cutover.live.rehearsed import Rehearsed
from pytest_cutover.live.run import LiveRun
from pytest_cutover.migrate.result import StepsRun
from pytest_cutover.plan.model import Plan
from pytest_cutover.plugin.claims import CLAIM, BoundCriterion
from pytest_cutover.plugin.session import RUN
from pytest_cutover.rehearsal import Rehearsal
from pytest_cutover.stages import BackupState, RollbackRun
from pytest_cutover.trace import Recording, Trace

T = TypeVar("T")


def _or_not_checked(stage: Callable[[], T]) -> T:
    try:
        return stage()
    except NotChecked as reason:
        pytest.skip(str(reason))


@pytest.fixture
def plan(request: pytest.FixtureRequest) -> Plan:
    """The plan that the check is about."""
    if not hasattr(request, "param"):
        raise pytest.UsageError("the fixture `plan` is for checks in verifications/: no plan was read for this run")
    found: Plan = request.param
    return found


@pytest.fixture
def rollback_name(request: pytest.FixtureRequest) -> str | None:
    """The way back that a plain check on `rolled_back` is about."""
    return getattr(request, "param", None)


@pytest.fixture
def criterion(request: pytest.FixtureRequest) -> BoundCriterion:
    """The criterion that the check answers for: its keys, `params`, and `check(…)`."""
    return BoundCriterion(request.node.stash[CLAIM])


@pytest.fixture
def rehearsal(request: pytest.FixtureRequest, plan: Plan) -> Rehearsal:
    """The plan's rehearsal, whose stages run when they are first needed."""
    return request.config.stash[RUN].rehearsal(plan)


@pytest.fixture
def backup(rehearsal: Rehearsal) -> BackupState:
    """The accepted and restored backup."""
    return _or_not_checked(rehearsal.restored)


@pytest.fixture
def before(request: pytest.FixtureRequest, plan: Plan) -> Database:
    """The restored database, before the migration; in a live run what is known of it from a saved baseline."""
    return _or_not_checked(request.config.stash[RUN].stages(plan).before)


@pytest.fixture
def migration(rehearsal: Rehearsal) -> StepsRun:
    """What running the steps gave, whether they went through or not."""
    return _or_not_checked(rehearsal.migrated)


@pytest.fixture
def trace(rehearsal: Rehearsal) -> Trace:
    """Which locks the migration held, and what work it did under them."""
    return _or_not_checked(rehearsal.trace)


@pytest.fixture
def recording(rehearsal: Rehearsal) -> Recording:
    """The trace, or why there is none."""
    return _or_not_checked(rehearsal.recorded)


@pytest.fixture
def waits(rehearsal: Rehearsal) -> list[Wait]:
    """How long clients of the watched tables waited while the migration ran."""
    return _or_not_checked(rehearsal.waited)


@pytest.fixture
def hazards(rehearsal: Rehearsal) -> Hazards:
    """What in the migration hurts a busy database."""
    return _or_not_checked(rehearsal.hazards)


@pytest.fixture
def after(request: pytest.FixtureRequest, plan: Plan) -> Iterator[Database]:
    """The migrated database; in a live run the one that people use, for as long as the check may take."""
    stages = request.config.stash[RUN].stages(plan)
    database = _or_not_checked(stages.after)
    if isinstance(stages, LiveRun):
        claim = request.node.stash[CLAIM]
        with stages.checking(claim.id, claim.criterion.budget if claim.criterion is not None else None):
            yield database
    else:
        yield database


@pytest.fixture
def live_run(request: pytest.FixtureRequest, plan: Plan) -> LiveRun:
    """The plan's run against a live database: what was rehearsed, what is known of it from earlier."""
    found: LiveRun = request.config.stash[RUN].live_run(plan)
    return found


@pytest.fixture
def rehearsed(request: pytest.FixtureRequest, plan: Plan, after: Database) -> Rehearsed:
    """What a live run is compared with: the schema that was rehearsed."""
    return _or_not_checked(request.config.stash[RUN].live_run(plan).rehearsed)


@pytest.fixture
def ledger(request: pytest.FixtureRequest, plan: Plan, after: Database) -> Ledger | CountedRows:
    """What the migration did to the rows of every table; in a live run their number alone."""
    stages: Rehearsal | LiveRun = request.config.stash[RUN].stages(plan)
    books: Callable[[], Ledger | CountedRows] = stages.ledger
    return _or_not_checked(books)


@pytest.fixture
def rerun(rehearsal: Rehearsal) -> Database:
    """The database after the migration ran a second time; `.run` says how that went."""
    return _or_not_checked(rehearsal.rerun)


@pytest.fixture
def interrupted(rehearsal: Rehearsal) -> Interrupted:
    """What became of the migration wherever it was cut off."""
    return _or_not_checked(rehearsal.interrupted)


@pytest.fixture
def rollback(request: pytest.FixtureRequest, rehearsal: Rehearsal) -> RollbackRun:
    """The way back that the criterion `restores_baseline` is about."""
    name = request.node.stash[CLAIM].criterion.rollback
    if not name:
        pytest.skip(NO_ROLLBACK)
    return _or_not_checked(lambda: rehearsal.rolled_back(name))


@pytest.fixture
def rolled_back(rehearsal: Rehearsal, rollback_name: str | None) -> Database:
    """The migrated database after a way back; a plain check is run once for each."""
    if rollback_name is None:
        pytest.skip(NO_ROLLBACK)
    done = _or_not_checked(lambda: rehearsal.rolled_back(rollback_name))
    if done.error or done.database is None:
        pytest.skip(f"the rollback stopped: {done.error}")
    return done.database
