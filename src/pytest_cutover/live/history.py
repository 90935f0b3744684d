"""What the monitor found, day by day: one line of a file for each run, no row's value."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_cutover.verdict import EXIT_STATUS, GO, INCOMPLETE, NO_GO

_WORST_FIRST = (NO_GO, INCOMPLETE, GO)
DAYS = 31
"""So many days are reported."""


def history_path(folder: Path, plan: str, target: str) -> Path:
    """Where the history of a plan's target lies, beside its baseline."""
    return folder / f"{plan}.{target}.history.jsonl"


def append_run(path: Path, started: str, part: Mapping[str, Any]) -> None:
    """Adds one line: when, the verdict, and what became of each criterion."""
    path.parent.mkdir(parents=True, exist_ok=True)
    criteria = {each["id"]: {key: each[key] for key in ("outcome", "actual", "seconds")} for each in part["criteria"]}
    line = {"started": started, "verdict": part["verdict"], "criteria": criteria}
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line, ensure_ascii=False) + "\n")


def by_day(path: Path) -> list[dict[str, Any]]:
    """One entry per day, the latest first: runs, the worst verdict, and the criteria that did not hold in any of them.

    A line that cannot be read, as one that a full disk cut off, is left out and counted as a run without a verdict.
    """
    if not path.is_file():
        return []
    days: dict[str, dict[str, Any]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            run = json.loads(line)
            day, verdict = str(run["started"])[:10], run["verdict"]
            found = {name: each["outcome"] for name, each in run["criteria"].items()}
        except (ValueError, KeyError, TypeError, AttributeError):
            day, verdict, found = "unreadable", INCOMPLETE, {}
        entry = days.setdefault(day, {"day": day, "runs": 0, "verdict": GO, "failed": [], "not_checked": []})
        entry["runs"] += 1
        known = verdict if verdict in EXIT_STATUS else INCOMPLETE
        entry["verdict"] = min(entry["verdict"], known, key=_WORST_FIRST.index)
        for outcome in ("failed", "not_checked"):
            entry[outcome] = sorted({*entry[outcome], *(name for name, each in found.items() if each == outcome)})
    return sorted(days.values(), key=lambda entry: str(entry["day"]), reverse=True)[:DAYS]
