"""What a result is made of: a criterion, a step, a stage, a run, as a run writes them."""

from __future__ import annotations

from typing import Any

Result = dict[str, Any]

TABLE = "flight_sector_occupancy"
NODE = "verifications/test_{file}.py::test_{kind}[vatsim_cid-{id}]"
PLAN_HASH = "5f2b6c0e9d1a47c38e7b5a90d4c1f6e2837a9b0c5d4e3f2a1b0c9d8e7f6a5b4c"
MIGRATION_HASH = "c41d9e8a7b6f5e4d3c2b1a0f9e8d7c6b5a493827161504f3e2d1c0b9a8f7e6d5"
BACKUP_HASH = "9a0364b9e99bb480dd25e1f0284c8555a4d2f6b1c3e7a8091b2c3d4e5f607182"


def criterion(id: str, kind: str, message: str, **more: Any) -> Result:
    """One criterion that holds, with what `more` says otherwise."""
    base: Result = {
        "id": id,
        "kind": kind,
        "phase": "rehearsal",
        "outcome": "passed",
        "before": "",
        "expected": "",
        "actual": "",
        "message": message,
        "evidence": [],
        "seconds": 0.012,
        "why": "",
        "source": "",
        "nodeid": NODE.format(file="values", kind=kind, id=id),
        "held_before": None,
        "reason": None,
    }
    return base | more


def step(name: str, seconds: float, summary: str, tag: str, **more: Any) -> Result:
    """One step that ran, with one statement."""
    statement = {"file": name, "line": 4, "summary": summary, "tag": tag, "seconds": seconds * 0.98}
    base: Result = {"name": name, "seconds": seconds, "outcome": "ok", "error": None, "budget": None}
    return base | {"statements": [statement], "notices": [], "notices_left_out": 0, "output": ""} | more


def ran(statement: str, calls: int, rows: int, seconds: float, *, nested: bool = False) -> dict[str, Any]:
    """One statement that ran."""
    return {
        "statement": statement,
        "role": "postgres",
        "nested": nested,
        "calls": calls,
        "rows": rows,
        "seconds": seconds,
    }


def rows(before: int, after: int, **more: Any) -> Result:
    """How one table changed: not at all, with what `more` says otherwise."""
    return {"before": before, "after": after, "added": 0, "deleted": 0, "changed": 0, "columns": {}} | more


def stages(*seconds: float, failed: str = "") -> list[Result]:
    """The six stages; the ones without seconds did not run."""
    names = ("restore", "baseline", "migrate", "verify", "rerun", "rollback")
    given = [*seconds, *[None] * (6 - len(seconds))]
    return [
        {
            "name": name,
            "seconds": time or 0.0,
            "outcome": "not_run" if time is None else "failed" if name == failed else "ok",
            "error": "",
        }
        for name, time in zip(names, given)
    ]


def wait(access: str, longest: float, at: float, share: float | None = None) -> Result:
    """How long one client of the table waited."""
    return {
        "table": TABLE,
        "access": access,
        "longest": longest,
        "at": at,
        "total": longest,
        "tries": 40,
        "gone": False,
        "at_most": None if share is None else longest + 0.04,
        "share": share,
        "missing": "",
    }


def run(*plans: Result, verdict: str | None = "GO", **more: Any) -> Result:
    """A run of these plans."""
    base: Result = {
        "format": 1,
        "verdict": verdict,
        "mode": "rehearsal",
        "run_id": "20260115T081200Z-7c1e",
        "started": "2026-01-15T08:12:00Z",
        "git": {"revision": "4e9d1c27ab305f6688d0c3f1b2a49e7780d5c61e", "dirty": False},
        "tool": {"version": "0.1.0"},
        "python": "3.12.4",
        "command": "pytest",
        "seconds": 10.9,
        "reason": plans[0]["reason"] if plans else "",
        "plans": list(plans),
    }
    return base | more


def change(plan: Result, id: str, **more: Any) -> None:
    """Gives one criterion of the plan other values."""
    next(one for one in plan["criteria"] if one["id"] == id).update(more)
