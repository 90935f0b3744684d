"""What the figures of a run say beside those of the runs before."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from pytest_cutover.finding import Evidence, Finding
from pytest_cutover.live.figures import Figures
from pytest_cutover.live.looking import Fault, judge, some
from pytest_cutover.plan.values import format_duration


def find_orphans(figures: Figures) -> Finding:
    """Whether no foreign key that is not enforced has more orphans than it had at best.

    Raises:
        NotChecked: there are some and no earlier run to compare with, or they could not be counted.
    """
    known: dict[str, int] = {}
    for run in figures.earlier:
        for name, count in run.get("orphans", {}).items():
            known[name] = min(int(count), known.get(name, int(count)))
    more = [(name, known[name], now) for name, now in figures.orphans.items() if name in known and now > known[name]]
    unseen = [
        f"{name} has {some(now, 'orphan')}, and there is no earlier run to compare with: the next one compares"
        for name, now in figures.orphans.items() if now and name not in known
    ] + [f"the orphans of {name} were not counted: {why}" for name, why in figures.uncounted.items()]  # fmt: skip
    faults = []
    if more:
        what = "; ".join(f"{name} has {some(now, 'orphan')}, at best it had {best:,}" for name, best, now in more)
        faults.append(Fault(what, what, Evidence.of("New orphans", ("foreign key", "at best", "now"), more)))
    total = sum(figures.orphans.values())
    fine = (
        f"{some(len(figures.orphans), 'foreign key is', 'foreign keys are')} not enforced, with {some(total, 'orphan')}, none "
        "of them new" if figures.orphans else "every foreign key of the migration's tables is validated and enforced"
    )  # fmt: skip
    return judge(faults, unseen, fine, "no new orphans")


def find_slow_statements(figures: Figures, limit_s: float) -> Finding:
    """Whether no statement took longer on average since the run before, or since its statistics began.

    Raises:
        NotChecked: the statements cannot be seen.
    """
    earlier = figures.earlier[-1].get("statements", []) if figures.earlier else []
    before = {str(each["id"]): each for each in earlier}
    slow, called = [], 0
    for each in figures.statements:
        calls, mean_ms = since(each.to_json(), before.get(each.id))
        called += calls
        if calls and mean_ms > limit_s * 1000:
            slow.append((each.statement, each.role, calls, round(mean_ms, 1)))
    limit = format_duration(limit_s)
    faults = []
    if slow:
        what = some(len(slow), "statement takes", "statements take") + f" longer than {limit} on average"
        columns = ("statement", "role", "calls", "mean ms")
        faults.append(Fault(what, what, Evidence.of("Slow statements", columns, slow)))
    unseen = [figures.unseen["statements"]] if "statements" in figures.unseen else []
    when = "since the run before" if before else "since the statistics began"
    fine = f"none of {some(len(figures.statements), 'statement')} took longer than {limit} on average {when}"
    return judge(faults, unseen, fine, f"at most {limit} on average")


def find_unused_indexes(figures: Figures, limit_s: float) -> Finding:
    """Whether each added index was used within this time since the monitor first saw it.

    Raises:
        NotChecked: the indexes cannot be seen.
    """
    unused, young = [], 0
    for index in figures.indexes:
        name = index["name"]
        seen = [
            (run["started"], each["scans"]) for run in figures.earlier for each in run.get("indexes", [])
            if each["name"] == name
        ]  # fmt: skip
        if name in figures.unique or index["scans"] or any(scans for _, scans in seen):
            continue
        first = min((started for started, _ in seen), default=None)
        age = _age(first) if first is not None else 0.0
        if age >= limit_s:
            unused.append((name, index["bytes"], format_duration(age)))
        else:
            young += 1
    limit = format_duration(limit_s)
    faults = []
    if unused:
        what = some(len(unused), "index was", "indexes were") + f" not used within {limit}: "
        what += ", ".join(str(row[0]) for row in unused)
        faults.append(Fault(what, what, Evidence.of("Unused indexes", ("index", "bytes", "watched for"), unused)))
    unseen = [figures.unseen["indexes"]] if "indexes" in figures.unseen else []
    fine = f"each of {some(len(figures.indexes), 'added index', 'added indexes')} is used"
    fine += f", but {young} that may still come to be" if young else ""
    return judge(faults, unseen, fine, f"each added index used within {limit}")


def since(now: Mapping[str, Any], before: Mapping[str, Any] | None) -> tuple[int, float]:
    """A statement's calls and mean milliseconds since an earlier look; since its statistics began where it had none, or
    they were reset in between."""
    calls, total = int(now["calls"]), float(now["total_ms"])
    if before is not None and int(before["calls"]) <= calls and float(before["total_ms"]) <= total:
        calls, total = calls - int(before["calls"]), total - float(before["total_ms"])
    return calls, total / calls if calls else 0.0


def _age(started: str) -> float:
    return (datetime.now(timezone.utc) - datetime.fromisoformat(started.replace("Z", "+00:00"))).total_seconds()
