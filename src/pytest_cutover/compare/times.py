"""What took longer, or less time, than two runs differ by chance."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_cutover.compare.model import Change
from pytest_cutover.report import fields, text
from pytest_cutover.report.view import PlanView

TIMES = 1.5
"""By this factor two times differ more than by chance on a machine that others use as well …"""
SECONDS = 0.5
"""… if they differ by so much."""


def time_changes(first: PlanView, second: PlanView) -> list[Change]:
    """Stages, steps, ways back and criteria that both ran through and whose times differ beyond chance."""
    earlier, later = dict(_times(first)), dict(_times(second))
    found = []
    for name, was in earlier.items():
        now = later.get(name)
        if now is None or abs(now - was) < SECONDS or max(now, was) < TIMES * min(now, was):
            continue
        how = f"{text.duration(was)} → {text.duration(now)}"
        found.append(Change("slower" if now > was else "faster", name, how))
    return found


def _times(plan: PlanView) -> Iterator[tuple[str, float]]:
    for what, key in (("", "stages"), ("step ", "steps"), ("way back ", "rollbacks")):
        for each in plan.parts(key):
            seconds = fields.number(each, "seconds")
            if fields.string(each, "outcome") == "ok" and seconds is not None:
                yield f"{what}{fields.string(each, 'name')}", seconds
    for criterion in plan.of("passed"):
        if criterion.seconds is not None:
            yield f"checking {criterion.id}", criterion.seconds
