"""What a live run knows, as plain data for the result file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import Any

from pytest_cutover.live.addresses import Address
from pytest_cutover.live.history import append_run, by_day, history_path
from pytest_cutover.live.postgresql import LivePostgres
from pytest_cutover.live.run import LiveRun
from pytest_cutover.plan.model import Plan
from pytest_cutover.report.result import plan_result
from pytest_cutover.report.words import ENGINES
from pytest_cutover.verdict import Record

_STAGES = ("baseline", "verify")


def live_facts(run: LiveRun) -> dict[str, Any]:
    """Everything that is known by now."""
    database = run.database
    snapshots = database.snapshots if isinstance(database, LivePostgres) else []
    return {
        "stages": [{"name": name} | vars(stage) for name, stage in run.stages.items()],
        "notes": _notes(run),
        "figures": run.taken.to_json() if run.taken is not None else None,
        "target": {
            "kind": run.address.name,
            "server_version": run.session.server_version if run.session is not None else "",
            "server": f"{ENGINES[run.plan.file.engine]}, {run.address.target.shown}",
            "why": f"--db-url, phase {run.phase}",
            "role": run.session.role if run.session is not None else "",
            "production_major": run.plan.file.sandbox.major,
            "snapshots": [asdict(each) for each in snapshots],
        },
    }


def live_plan_result(
    plan: Plan, expected: Sequence[Record], found: Sequence[Record], facts: Mapping[str, Any], today: date
) -> dict[str, Any]:
    """One plan's part of a live result: without what only a rehearsal has."""
    part = plan_result(plan, expected, found, facts, today)
    part["stages"] = [stage for stage in part["stages"] if stage["name"] in _STAGES]
    part["backup"] = {}
    part["figures"] = facts.get("figures")
    return part


def finish_live(
    part: dict[str, Any], phase: str, address: Address | None, baselines: Path, started: datetime
) -> None:  # fmt: skip
    """Puts the phase into a plan's criteria, the target's name where the run never came to it, and in the phase
    `monitor` the history, to which this run is added."""
    for criterion in part["criteria"]:
        criterion["phase"] = phase
    figures = part.pop("figures", None)
    part["target"]["kind"] = part["target"]["kind"] or (address.name if address is not None else "")
    if phase == "monitor" and address is not None:
        path = history_path(baselines, part["name"], address.slug)
        append_run(path, started.isoformat(timespec="seconds").replace("+00:00", "Z"), part, figures)
        part["history"] = by_day(path)


def _notes(run: LiveRun) -> list[str]:
    notes = list(run.session.notes) if run.session is not None else []
    sampled = run.database.sampled if isinstance(run.database, LivePostgres) else {}
    if sampled:
        listed = ", ".join(f"{name} (about {percent:g} %)" for name, percent in sampled.items())
        notes.append(f"Only a sample of the rows was looked at, which proves nothing of the others: {listed}.")
    if run.saved:
        notes.append(f"Saved the baseline {run.path.name}, {run.saved}.")
    if run.uncounted:
        name, reason = next(iter(run.uncounted.items()))
        more = f" and {len(run.uncounted) - 1} more" if len(run.uncounted) > 1 else ""
        notes.append(f"The baseline has no row count of {name}{more}: {reason}.")
    if run.phase == "after" and not run.has_baseline:
        notes.append(
            f"There is no baseline {run.path.name}: row counts were not compared with those before the migration."
        )
    known = run.rehearsals.get(run.plan.name)
    if known is not None and known["verdict"] != "GO":
        notes.append(f"The rehearsal of {known['started']} was {known['verdict']}.")
    if known is not None and known.get("plan") not in (None, run.plan.plan_sha256):
        notes.append(
            f"The plan is not what it was in the rehearsal of {known['started']}: what only a rehearsal proves (statements accepted and "
            "rejected, a second run, ways back) was proved for the plan of then. Rehearse it again."
        )
    production = known["server_version"].split(".")[0] if known is not None else ""
    live = run.session.server_version.split(".")[0] if run.session is not None else ""
    if production and live and production != live:
        notes.append(
            f"Rehearsed on version {known['server_version'] if known else ''}; this server is {run.session.server_version if run.session else ''}."
        )
    return notes
