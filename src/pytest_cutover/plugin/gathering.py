"""The result of a run, put together from what its reports carried and what none of them did."""

from __future__ import annotations

import shlex
import time
from datetime import date
from typing import Any

from pytest_cutover.live.facts import finish_live, live_plan_result
from pytest_cutover.plan.model import Plan
from pytest_cutover.plugin.claims import OWN_CHECK
from pytest_cutover.plugin.options import VERIFICATIONS
from pytest_cutover.plugin.outcomes import to_record
from pytest_cutover.plugin.session import Run
from pytest_cutover.report.result import build_result, plan_result
from pytest_cutover.verdict import NOT_CHECKED, Record


def result_of(run: Run) -> dict[str, Any]:
    """The result of the run, with its verdict."""
    parts = []
    for each in run.plans:
        found = [
            to_record(payload["record"])
            for payload in run.payloads
            if payload["record"] is not None and payload["plan"] in (each.name, None)
        ]
        facts = [known for (name, _), known in run.facts.items() if name == each.name]
        best = max(facts, key=lambda known: sum(stage["outcome"] != "not_run" for stage in known["stages"]), default={})
        make = live_plan_result if run.live else plan_result
        parts.append(make(each, _expected(run, each), found, best, date.today()))
    if run.live:
        for part in parts:
            finish_live(part, run.options.phase, run.addresses.get(part["name"]), run.options.baselines, run.started)
    return build_result(
        parts,
        shlex.join(["pytest", *map(str, run.options.arguments)]),
        run.started,
        time.perf_counter() - run.clock,
        run.options.root,
        "live" if run.live else "rehearsal",
        run.selection,
    )


def _expected(run: Run, of: Plan) -> list[Record]:
    """One not-checked record for each criterion and each further check of the plan."""
    claimed = {(claim["plan"], claim["id"]) for claim in run.claims.values()}
    records = []
    for each in run.criteria(of):
        reason = "its check did not run: it was deselected, or the run ended before it"
        if run.live and of.name not in run.addresses:
            reason = f"the plan has no target {run.options.db_url} in its [targets]"
        elif (of.name, each.id) not in claimed and run.claims:
            reason = f'no check in {VERIFICATIONS}/ that was collected answers for the kind "{each.kind}"'
        records.append(
            Record(each.id, each.kind, NOT_CHECKED, reason=reason, why=each.why or "", source=each.source or "")
        )
    for claim in run.claims.values():
        if claim["kind"] == OWN_CHECK and claim["plan"] in (of.name, None):
            records.append(Record(claim["id"], OWN_CHECK, NOT_CHECKED, reason="it did not run"))
    return records
