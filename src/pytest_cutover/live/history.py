"""What the monitor found, day by day: one line of a file for each run, no row's value."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_cutover.live.trends import since
from pytest_cutover.verdict import EXIT_STATUS, GO, INCOMPLETE, NO_GO

_WORST_FIRST = (NO_GO, INCOMPLETE, GO)
DAYS = 31
"""So many days are reported."""


def history_path(folder: Path, plan: str, target: str) -> Path:
    """Where the history of a plan's target lies, beside its baseline."""
    return folder / f"{plan}.{target}.history.jsonl"


def append_run(path: Path, started: str, part: Mapping[str, Any], figures: Mapping[str, Any] | None = None) -> None:
    """Adds one line: when, the verdict, what became of each criterion, and the figures."""
    path.parent.mkdir(parents=True, exist_ok=True)
    criteria = {each["id"]: {key: each[key] for key in ("outcome", "actual", "seconds")} for each in part["criteria"]}
    line = {"started": started, "verdict": part["verdict"], "criteria": criteria, "figures": figures}
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line, ensure_ascii=False) + "\n")


def earlier_figures(path: Path) -> list[dict[str, Any]]:
    """The figures of each run that took some, the earliest first, each with `started`."""
    return [{"started": run["started"]} | run["figures"] for run in _runs(path) if run.get("figures")]


def by_day(path: Path) -> list[dict[str, Any]]:
    """One entry per day, the latest first: runs, the worst verdict, and the criteria that did not hold in any of them; where
    there are some, the day's last figures, with what is counted on and on counted since the day before.

    A line that cannot be read, as one that a full disk cut off, is left out and counted as a run without a verdict.
    """
    days: dict[str, dict[str, Any]] = {}
    last: dict[str, dict[str, Any]] = {}
    for run in _runs(path):
        day = run["started"][:10]
        entry = days.setdefault(day, {"day": day, "runs": 0, "verdict": GO, "failed": [], "not_checked": []})
        entry["runs"] += 1
        known = run["verdict"] if run["verdict"] in EXIT_STATUS else INCOMPLETE
        entry["verdict"] = min(entry["verdict"], known, key=_WORST_FIRST.index)
        for outcome in ("failed", "not_checked"):
            found = {name for name, each in run["criteria"].items() if each["outcome"] == outcome}
            entry[outcome] = sorted({*entry[outcome], *found})
        if run.get("figures"):
            last[day] = run["figures"]
    before: dict[str, Any] = {}
    for day in sorted(last):
        days[day]["figures"] = _since(last[day], before)
        before = last[day]
    return sorted(days.values(), key=lambda entry: str(entry["day"]), reverse=True)[:DAYS]


def _runs(path: Path) -> list[dict[str, Any]]:
    """The lines of the file; for one that cannot be read a run of an unreadable day."""
    if not path.is_file():
        return []
    runs = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            run = json.loads(line)
            str(run["started"])[:10], run["verdict"], [each["outcome"] for each in run["criteria"].values()]
            runs.append(run)
        except (ValueError, KeyError, TypeError, AttributeError):
            runs.append({"started": "unreadable", "verdict": INCOMPLETE, "criteria": {}})
    return runs


def _since(now: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """The figures of a day: sizes as they are, calls and scans since the day before."""
    known = {each["id"]: each for each in before.get("statements", [])}
    statements = []
    for each in now.get("statements", []):
        calls, mean_ms = since(each, known.get(each["id"]))
        kept = {key: each[key] for key in ("id", "statement", "role")}
        statements.append(kept | {"calls": calls, "mean_ms": round(mean_ms, 3)})
    return {
        "statements": statements,
        "indexes": _counted(now.get("indexes", []), before.get("indexes", []), "scans"),
        "tables": _counted(now.get("tables", []), before.get("tables", []), "seq_scans", "seq_rows"),
        "orphans": [{"name": name, "rows": count} for name, count in now.get("orphans", {}).items()],
    }


def _counted(now: list[dict[str, Any]], before: list[dict[str, Any]], *counters: str) -> list[dict[str, Any]]:
    known = {each["name"]: each for each in before}

    def grown(each: dict[str, Any], counter: str) -> int:
        earlier = known.get(each["name"], {}).get(counter, 0)
        number = int(each[counter])
        return number - earlier if number >= earlier else number  # the server's counters were reset

    return [each | {key: grown(each, key) for key in counters if key in each} for each in now]
