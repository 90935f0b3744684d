"""result.json: everything that a run found, as plain data."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import secrets
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest_cutover
from pytest_cutover.gate.selection import Selection
from pytest_cutover.plan.model import Plan, Waiver
from pytest_cutover.stages import STAGES
from pytest_cutover.verdict import (
    FAILED,
    GO,
    NOT_CHECKED,
    PASSED,
    WAIVED,
    Record,
    WaiverUse,
    apply_waivers,
    judge,
    overall,
)

FORMAT = 1
HAZARD = "hazards:"
"""What the criterion's id of a hazard begins with."""


def plan_result(
    plan: Plan, expected: Sequence[Record], found: Sequence[Record], facts: Mapping[str, Any], today: date
) -> dict[str, Any]:
    """One plan's part of the result."""
    hazards, waivers, uses = _waived(plan, facts.get("hazards"), today)
    judged = judge(expected, found, waivers, today)
    stages = {name: {"name": name, "seconds": 0.0, "outcome": "not_run", "error": ""} for name in STAGES}
    stages |= {stage["name"]: stage for stage in facts.get("stages", [])}
    checked = [record for record in judged.records if record.outcome in ("passed", "failed", "waived")]
    if checked:
        failed = any(record.outcome == "failed" for record in checked)
        stages["verify"] = {
            "name": "verify", "seconds": sum(record.seconds for record in checked),
            "outcome": "failed" if failed else "ok", "error": "",
        }  # fmt: skip
    return {
        "name": plan.name,
        "title": plan.file.title,
        "owner": plan.file.owner or "",
        "engine": plan.file.engine,
        "verdict": judged.verdict,
        "reason": judged.reason,
        "notes": list(facts.get("notes", [])),
        "hashes": {"plan": plan.plan_sha256, "migration": plan.migration_sha256},
        "report": plan.file.report.model_dump(mode="json"),
        "target": facts.get("target", {"kind": "", "server_version": ""}),
        "backup": facts.get(
            "backup", {"path": plan.file.backup.path or "", "sha256": "", "bytes": 0, "format": "", "taken": None}
        ),
        "stages": list(stages.values()),
        "steps": list(facts.get("steps", [])),
        "waits": list(facts.get("waits", [])),
        "rerun": facts.get("rerun"),
        "rollbacks": list(facts.get("rollbacks", [])),
        "schema_diff": list(facts.get("schema_diff", [])),
        "criteria": [asdict(record) | {"evidence": list(record.evidence)} for record in judged.records],
        "waivers": [
            use.waiver.model_dump(mode="json") | {"used": use.used, "note": use.note}
            for use in (*judged.waivers, *uses)
        ],
        "hazards": hazards,
        "locks": facts.get("locks"),
        "changes": dict(facts.get("changes", {})),
        "schema": facts.get("schema"),
    }


def _waived(
    plan: Plan, hazards: Mapping[str, Any] | None, today: date
) -> tuple[dict[str, Any] | None, list[Waiver], list[WaiverUse]]:
    """The hazards with what is waived of them, the waivers that are left, and what became of the others.

    Where hazards are criteria, their waivers are as all others'; where they warn, these silence the warning.
    """
    waivers = plan.file.waivers
    of_hazards = [each for each in waivers if each.criterion.startswith(HAZARD)]
    others = [each for each in waivers if not each.criterion.startswith(HAZARD)]
    if hazards is None:
        return None, others, []
    fails = plan.file.migrate.hazards == "fail"
    names: dict[str, list[str]] = {each.criterion: [] for each in of_hazards}
    for each in hazards["found"]:
        names.setdefault(f"{HAZARD}{each['id']}", []).append(each["object"])
    unknown = {f"{HAZARD}{each['id']}" for each in hazards["unknown"]}
    records = [
        Record(
            id=name, kind="hazards", actual=", ".join(sorted(objects)),
            outcome=FAILED if objects else NOT_CHECKED if name in unknown else PASSED,
        )
        for name, objects in names.items()
    ]  # fmt: skip
    records, uses = apply_waivers(of_hazards, records, today)
    waived = {record.id for record in records if record.outcome == WAIVED}
    found = [{**each, "waived": f"{HAZARD}{each['id']}" in waived} for each in hazards["found"]]
    if fails:
        return {**hazards, "found": found, "fail": True}, waivers, []
    return {**hazards, "found": found, "fail": False}, others, uses


def build_result(
    plans: list[dict[str, Any]], command: str, started: datetime, seconds: float, root: Path, mode: str = "rehearsal",
    selection: Selection | None = None,
) -> dict[str, Any]:  # fmt: skip
    """The whole result. `selection` is what --changed-since chose; where it leaves nothing to do there is no verdict."""
    nothing = not plans and selection is not None and bool(selection.untouched or selection.deleted)
    verdict = None if nothing else overall([plan["verdict"] for plan in plans])
    return {
        "format": FORMAT,
        "verdict": verdict,
        "reason": _reason(verdict, plans, selection),
        "mode": mode,
        "command": command,
        "run_id": f"{started:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}",
        "started": started.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "seconds": round(seconds, 3),
        "git": _git(root),
        "tool": {"version": pytest_cutover.__version__},
        "python": platform.python_version(),
        "changed_since": selection and {
            "revision": selection.revision, "merge_base": selection.base, "selected": selection.plans,
            "unchanged": list(selection.untouched), "deleted": list(selection.deleted),
        },
        "weakened": selection and [asdict(each) for each in selection.weakened],
        "plans": plans,
    }  # fmt: skip


def _reason(verdict: str | None, plans: Sequence[Mapping[str, Any]], selection: Selection | None) -> str:
    if verdict is None and selection is not None:
        return f"nothing to rehearse: nothing that a plan depends on changed since {selection.revision}"
    if not plans:
        return "there is no plan: nothing was rehearsed"
    stopping = next((plan for plan in plans if plan["verdict"] == verdict != GO), None)
    if stopping is not None:
        return f"{stopping['name']}: {stopping['reason']}"
    waived = [
        f"{each['id']} of {plan['name']}" for plan in plans for each in plan["criteria"] if each["outcome"] == WAIVED
    ]
    return "every criterion of every plan holds" + (
        f", but for {len(waived)} waived: {', '.join(waived)}" if waived else ""
    )


def write_result(result: Mapping[str, Any], path: Path) -> None:
    """Writes the file in one step: nobody ever reads half of it."""
    write_text(json.dumps(result, indent=1, ensure_ascii=False, default=str) + "\n", path)


def write_text(content: str, path: Path) -> None:
    """Writes a text in one step: nobody ever reads half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.write_text(content, encoding="utf-8", errors="backslashreplace")
    os.replace(aside, path)


def _git(root: Path) -> dict[str, Any]:
    """The revision and whether the work tree differs from it; both None where git does not know."""
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        revision = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, timeout=10, check=True
        ).stdout.strip()
        status = subprocess.run(
            ["git", "status", "--porcelain"], cwd=root, capture_output=True, text=True, timeout=30, check=True
        ).stdout
        return {"revision": revision, "dirty": bool(status.strip())}
    return {"revision": None, "dirty": None}
