"""Drawings of the page as SVG: a timeline of bars, and the bar of a table's rows.

Widths are percentages of the space there is, text keeps its size: the same drawing serves a phone and a desk.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from pytest_cutover.report.fields import Json, number, string
from pytest_cutover.report.text import duration, one_line

WAITING = {"read": "readers", "write": "writers", "row": "writers of a row"}
_ROW = 40
_TOP = 24
_LABEL_LENGTH = 42
_SMALLEST = 0.5
"""Percent of the width that the shortest bar gets, so that it can be seen."""


@dataclass(frozen=True)
class Bar:
    """One bar: where it begins and how long it is in seconds, its outcome ("ok", "failed", "not_run"), its budget.

    `missing` are the words for one that was not run.
    """

    label: str
    start: float
    seconds: float
    outcome: str = "ok"
    budget: float | None = None
    missing: str = "not run"

    @property
    def over(self) -> bool:
        """True when it took longer than it may."""
        return self.budget is not None and self.seconds > self.budget

    @property
    def words(self) -> str:
        """The time, and all that its colour says, in words."""
        if self.outcome == "not_run":
            return self.missing
        time = duration(self.seconds)
        if self.budget is not None:
            time += f" of {duration(self.budget)}" + (" · over budget" if self.over else "")
        return time + (" · failed" if self.outcome == "failed" else "")


def bars(parts: Iterable[Json]) -> list[Bar]:
    """The bars of stages or steps, one after the other."""
    found: list[Bar] = []
    clock = 0.0
    for part in parts:
        seconds = max(number(part, "seconds") or 0.0, 0.0)
        outcome = string(part, "outcome") or "not_run"
        found.append(Bar(one_line(part.get("name") or "unnamed"), clock, seconds, outcome, number(part, "budget")))
        clock += seconds
    return found


def waits(parts: Sequence[Json], steps: Sequence[Json]) -> list[Bar]:
    """The bar of all steps, and below it the longest wait of each table's clients, where it happened."""
    found = [Bar("the migration", 0.0, sum(number(step, "seconds") or 0.0 for step in steps))] if parts else []
    for part in parts:
        label = one_line(f"{part.get('table') or 'unnamed'}: {WAITING.get(string(part, 'access'), 'others')}")
        seconds = number(part, "longest") or 0.0
        outcome = "ok" if part.get("tries") else "not_run"
        found.append(Bar(label, number(part, "at") or 0.0, seconds, outcome, missing="not measured"))
    return found


def closed_rows(part: Json) -> str:
    """`98% of the rows at once`: how many of the rows that were looked at were closed together, empty where none was."""
    share = number(part, "share")
    # A share that is none, as in a result that somebody wrote by hand, is not told.
    return f"{max(round(100 * share), 1)}% of the rows at once" if share is not None and 0 < share <= 1 else ""


def timeline(rows: Sequence[Bar], label: str) -> Markup:
    """The bars under a common axis of time; nothing where there is no bar."""
    if not rows:
        return Markup("")
    total = max(row.start + row.seconds for row in rows) or 1.0
    bottom = _TOP + _ROW * len(rows)
    drawn = [Markup('<g class="axis" aria-hidden="true">')]
    for tick in _ticks(total):
        at = _percent(tick / total)
        anchor = "start" if tick == 0 else "end" if tick > 0.94 * total else "middle"
        drawn.append(
            Markup(
                '<line x1="{0}%" x2="{0}%" y1="{1}" y2="{2}"/><text x="{0}%" y="12" text-anchor="{3}">{4}</text>'
            ).format(at, _TOP - 6, bottom, anchor, _tick_label(tick))
        )
    drawn.append(Markup("</g>"))
    for position, row in enumerate(rows):
        drawn.append(_draw(row, total, _TOP + _ROW * position))
    spoken = "; ".join(f"{row.label}: {row.words}" for row in rows)
    return Markup('<svg class="timeline" width="100%" height="{}" role="img" aria-label="{}">{}</svg>').format(
        bottom + 2, f"{label}: {spoken}", Markup("").join(drawn)
    )


def ledger_bar(parts: Sequence[tuple[str, int]]) -> Markup:
    """A table's rows as one bar: a share of the width for each (name, rows) that has any."""
    there = [(name, rows) for name, rows in parts if rows > 0]
    if not there:
        return Markup("")
    total = sum(rows for _, rows in there)
    widths = [max(100 * rows / total, 1.5) for _, rows in there]
    scale = 100 / sum(widths)
    drawn, x = [], 0.0
    for (name, _), width in zip(there, widths):
        drawn.append(
            Markup('<rect class="{}" x="{}%" y="0" width="{}%" height="12"/>').format(
                name, _number(x), _number(width * scale)
            )
        )
        x += width * scale
    return Markup('<svg class="ledger" width="100%" height="12" aria-hidden="true">{}</svg>').format(
        Markup("").join(drawn)
    )


def _draw(row: Bar, total: float, y: int) -> Markup:
    x = 100 * row.start / total
    width = max(100 * row.seconds / total, _SMALLEST)
    label = row.label if len(row.label) <= _LABEL_LENGTH else "…" + row.label[1 - _LABEL_LENGTH :]
    state = row.outcome if row.outcome in ("ok", "failed", "not_run") else "not_run"
    texts = Markup(
        '<text x="0" y="{0}" class="what">{1}</text><text x="100%" y="{0}" text-anchor="end">{2}</text>'
    ).format(y + 13, label, row.words)
    track = Markup('<rect class="track" x="0" y="{}" width="100%" height="8" rx="2"/>').format(y + 19)
    if state == "not_run":
        return Markup('<g class="bar not_run"><title>{}</title>{}{}</g>').format(row.label, texts, track)
    over = " over" if row.over else ""
    budget = Markup("")
    if row.budget is not None and row.start + row.budget <= total:
        budget = Markup('<line class="budget" x1="{0}%" x2="{0}%" y1="{1}" y2="{2}"/>').format(
            _percent((row.start + row.budget) / total), y + 16, y + 30
        )
    return Markup(
        '<g class="bar {}"><title>{}</title>{}{}<rect x="{}%" y="{}" width="{}%" height="8" rx="2"/>{}</g>'
    ).format(state + over, row.label, texts, track, _number(min(x, 100 - width)), y + 19, _number(width), budget)


def _ticks(total: float) -> list[float]:
    raw = total / 4
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * nice for nice in (1, 2, 5, 10) if power * nice >= raw)
    return [step * index for index in range(int(total / step) + 1)]


def _tick_label(seconds: float) -> str:
    if seconds == 0:
        return "0"
    if seconds < 1:
        return f"{seconds * 1000:g} ms"
    return f"{seconds:g} s" if seconds < 120 else f"{seconds / 60:.3g} min"


def _percent(share: float) -> str:
    return _number(100 * share)


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
