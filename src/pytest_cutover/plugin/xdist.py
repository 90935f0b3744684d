"""Scheduling under pytest-xdist: the checks of one plan go to one worker."""

from __future__ import annotations

from typing import Any

from xdist.scheduler.loadscope import LoadScopeScheduling


class PlanScheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Groups items by the plan that their id names; the others each stand alone."""

    def __init__(self, config: Any, log: Any, plans: list[str]) -> None:
        super().__init__(config, log)
        self._plans = sorted(plans, key=len, reverse=True)

    def _split_scope(self, nodeid: str) -> str:
        _, bracket, rest = nodeid.partition("[")
        if bracket:
            for plan in self._plans:
                if rest == f"{plan}]" or rest.startswith(f"{plan}-"):
                    return plan
        return nodeid
