"""Which test item answers for which criterion of which plan."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from pytest_cutover.criteria import Kind
from pytest_cutover.criteria.implicit import implicit_criteria, implicit_live_criteria
from pytest_cutover.database import Database
from pytest_cutover.finding import Finding
from pytest_cutover.plan.model import Criterion, OwnCriterion, Phase, Plan

MARKER = "criterion"
OWN_CHECK = "check"
"""The kind of a check that answers for no criterion of the plan: plain pytest."""


@dataclass
class Claim:
    """What one item answers for: a plan's name (None: every plan's), the criterion, and the findings it asked for."""

    plan: str | None
    criterion: Criterion | None
    id: str
    kind: str
    findings: list[Finding] = field(default_factory=list)

    @property
    def needs_finding(self) -> bool:
        """True where only the engine can say whether the criterion holds."""
        return self.criterion is not None and not isinstance(self.criterion, OwnCriterion)


CLAIM = pytest.StashKey[Claim]()


class BoundCriterion:
    """The `criterion` of a check: its keys, and `check`, which asks the engine and remembers the answer."""

    def __init__(self, claim: Claim) -> None:
        assert claim.criterion is not None
        self._claim = claim
        self._criterion: Criterion = claim.criterion

    def __getattr__(self, name: str) -> Any:
        return getattr(self._criterion, name)

    def __repr__(self) -> str:
        return f"<criterion {self._criterion.id} ({self._criterion.kind})>"

    def check(self, *databases: Any) -> Finding:
        """The engine's finding on this criterion.

        Raises:
            NotChecked: it cannot be decided.
            NotApplicable: it has no meaning here.
        """
        if isinstance(self._criterion, OwnCriterion):
            raise TypeError(f'the kind "{self._criterion.kind}" is your own: assert in the test itself')
        finding: Finding = self._criterion.check(*databases)  # type: ignore[attr-defined]
        remarks = [remark for each in databases if isinstance(each, Database) for remark in each.remarks]
        if remarks:
            finding = replace(finding, message="; ".join([finding.message, *remarks]))
        self._claim.findings.append(finding)
        return finding


def criteria_of(
    plan: Plan, phase: Phase = "rehearsal", has_baseline: bool = False, interrupt: bool = False
) -> list[Criterion]:
    """Every criterion that counts in the phase: the implicit ones first, then the plan's own in its order."""
    if phase == "rehearsal":
        return [
            *implicit_criteria(plan, interrupt=interrupt),
            *(each for each in plan.criteria if _applies(each, phase)),
        ]
    live = [in_phase(each, phase) for each in plan.criteria if _applies(each, phase)]
    return [*implicit_live_criteria(plan, phase, has_baseline), *(each for each in live if each is not None)]


def _applies(criterion: Criterion, phase: Phase) -> bool:
    return phase in criterion.phases and (not isinstance(criterion, Kind) or phase in criterion.MEANINGFUL)


def in_phase(criterion: Criterion, phase: Phase) -> Criterion | None:
    """What a live phase asks of a criterion that names it, None where it asks nothing.

    Ahead of the migration only that is asked which the criterion says of the time before; one that lists `before` in
    its `phases` by hand holds then as it stands.
    """
    if phase != "before":
        return criterion.after_values() if isinstance(criterion, Kind) else criterion
    earlier = criterion.before_values() if isinstance(criterion, Kind) else None
    if earlier is not None:
        return earlier
    live_only = isinstance(criterion, Kind) and "rehearsal" not in criterion.MEANINGFUL
    return criterion if live_only or "phases" in criterion.model_fields_set else None


def marked_kinds(verifications: Path) -> list[str]:
    """The kinds that `@pytest.mark.criterion("…")` names in a folder, read without importing it."""
    found: set[str] = set()
    for path in sorted(verifications.rglob("*.py")):
        try:
            tree = ast.parse(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, SyntaxError):
            continue  # pytest will say so
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == MARKER:
                found |= {
                    each.value for each in node.args if isinstance(each, ast.Constant) and isinstance(each.value, str)
                }
    return sorted(found)


def parametrize(metafunc: pytest.Metafunc, plans: Sequence[Plan], of: Callable[[Plan], list[Criterion]]) -> None:
    """Gives a check its cases: plan and criterion for a marked one, each plan for one that asks for a plan's databases.

    `of` gives the criteria of a plan that count in this run.
    """
    kinds = _kinds(metafunc.definition.iter_markers(MARKER))
    names = metafunc.fixturenames
    if kinds:
        cases = [(plan, each) for plan in plans for each in of(plan) if each.kind in kinds]
        metafunc.parametrize(
            ("plan", "criterion"), cases, indirect=True,
            ids=[f"{plan.name}-{each.id}" for plan, each in cases],
        )  # fmt: skip
    elif "rolled_back" in names:
        ways = [(plan, rollback.name) for plan in plans for rollback in plan.file.rollback]
        metafunc.parametrize(
            ("plan", "rollback_name"), ways, indirect=True,
            ids=[f"{plan.name}-{name}" for plan, name in ways],
        )  # fmt: skip
    elif "plan" in names:
        metafunc.parametrize("plan", plans, indirect=True, ids=[plan.name for plan in plans])


def _kinds(markers: Iterable[pytest.Mark]) -> set[str]:
    return {str(kind) for marker in markers for kind in marker.args}


def claim_of(item: pytest.Item) -> Claim:
    """What the item answers for."""
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    plan, criterion = parameters.get("plan"), parameters.get("criterion")
    name = plan.name if isinstance(plan, Plan) else None
    if isinstance(criterion, Criterion):
        return Claim(name, criterion, criterion.id, criterion.kind)
    file = item.path.name
    return Claim(name, None, f"{file}::{item.name}", OWN_CHECK)
