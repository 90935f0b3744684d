"""The criteria that every plan has without asking."""

from __future__ import annotations

from pytest_cutover.criteria.applies import Applies
from pytest_cutover.criteria.backup_age import BackupAge
from pytest_cutover.criteria.base import Kind
from pytest_cutover.criteria.duration import WithinBudget
from pytest_cutover.criteria.hazards import NoHazard
from pytest_cutover.criteria.health import Health
from pytest_cutover.criteria.idempotent import Idempotent
from pytest_cutover.criteria.interrupted import CutOff
from pytest_cutover.criteria.only_declared_changes import OnlyDeclaredChanges
from pytest_cutover.criteria.preflight import Preflight
from pytest_cutover.criteria.restores_baseline import RestoresBaseline
from pytest_cutover.criteria.schema_as_rehearsed import SchemaAsRehearsed
from pytest_cutover.hazards import HAZARDS
from pytest_cutover.plan.model import Phase, Plan

NO_ROLLBACK = "the plan declares no [[rollback]]: no way back was rehearsed"


def implicit_live_criteria(plan: Plan, phase: Phase, has_baseline: bool) -> tuple[Kind, ...]:
    """The implicit criteria of a live run; what a baseline is needed for is there where one was saved."""
    found: list[Kind] = [SchemaAsRehearsed(id="schema_as_rehearsed", kind="schema_as_rehearsed", phases=[phase])]
    if phase == "before":
        found += Preflight.of_plan(plan)
    if phase == "monitor":
        found += Health.of_plan(plan)
    if phase == "after" and has_baseline:
        found.append(
            OnlyDeclaredChanges(id="only_declared_changes", kind="only_declared_changes", changes=plan.file.changes)
        )
    return tuple(found)


def implicit_criteria(plan: Plan, *, interrupt: bool = False) -> tuple[Kind, ...]:
    """The implicit criteria of the plan; with `interrupt` what becomes of it when it is cut off is one of them.

    `duration` is there where the plan has a budget, `backup_age` where it has a `max_age`, one `hazards` for each hazard
    where these are to fail it. A plan without a rollback has
    one `restores_baseline`, which no check can decide.
    """
    file = plan.file
    found: list[Kind] = [Applies(id="applies", kind="applies")]
    if file.migrate.budget is not None or any(step.budget is not None for step in file.migrate.steps):
        found.append(WithinBudget(id="duration", kind="duration", total_budget=file.migrate.budget))
    found.append(OnlyDeclaredChanges(id="only_declared_changes", kind="only_declared_changes", changes=file.changes))
    found.append(Idempotent(id="idempotent", kind="idempotent", rerun=file.migrate.rerun))
    for rollback in file.rollback:
        found.append(
            RestoresBaseline(
                id=f"restores_baseline_{rollback.name}", kind="restores_baseline", rollback=rollback.name,
                way_budget=rollback.budget, residue=tuple(rollback.residue),
            ).model_copy(update={"id": f"restores_baseline:{rollback.name}"})
        )  # fmt: skip
    if not file.rollback:
        found.append(RestoresBaseline(id="restores_baseline", kind="restores_baseline"))
    if interrupt:
        found.append(CutOff(id="interrupted", kind="interrupted"))
    if file.migrate.hazards == "fail":
        found += [
            NoHazard(id="hazards", kind="hazards", hazard=name).model_copy(update={"id": f"hazards:{name}"})
            for name in HAZARDS
        ]
    if file.backup.max_age is not None:
        found.append(BackupAge(id="backup_age", kind="backup_age", max_age=file.backup.max_age))
    return tuple(found)
