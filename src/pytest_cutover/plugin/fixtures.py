"""What a check can ask for: its criterion, and the databases of its plan's rehearsal."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pytest

from pytest_cutover.criteria.implicit import NO_ROLLBACK
from pytest_cutover.database import Database
from pytest_cutover.errors import NotChecked
from pytest_cutover.ledger import Ledger
from pytest_cutover.migrate.result import StepsRun
from pytest_cutover.plan.model import Plan
from pytest_cutover.plugin.claims import CLAIM, BoundCriterion
from pytest_cutover.plugin.session import RUN
from pytest_cutover.rehearsal import BackupState, Rehearsal, RollbackRun

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
def before(rehearsal: Rehearsal) -> Database:
    """The restored database, before the migration."""
    return _or_not_checked(rehearsal.before)


@pytest.fixture
def migration(rehearsal: Rehearsal) -> StepsRun:
    """What running the steps gave, whether they went through or not."""
    return _or_not_checked(rehearsal.migrated)


@pytest.fixture
def after(rehearsal: Rehearsal) -> Database:
    """The migrated database."""
    return _or_not_checked(rehearsal.after)


@pytest.fixture
def ledger(rehearsal: Rehearsal) -> Ledger:
    """What the migration did to the rows of every table."""
    return _or_not_checked(rehearsal.ledger)


@pytest.fixture
def rerun(rehearsal: Rehearsal) -> Database:
    """The database after the migration ran a second time; `.run` says how that went."""
    return _or_not_checked(rehearsal.rerun)


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
