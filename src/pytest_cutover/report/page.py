"""The report: one HTML file without script, made from a result."""

from __future__ import annotations

import base64
import hashlib
import os
import shlex
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from pytest_cutover.report import fields, text, view, words
from pytest_cutover.report.timeline import Bar, bars, closed_rows, ledger_bar, timeline, waits

FOLD = 80
"""With more criteria than this in a plan, those that hold are folded by kind."""
CARDS = 60
"""So many failed criteria are shown with their evidence; the others in a line each."""
NAMED = 8
"""So many criteria that were not checked are named where they stop the go; all of them are in a section of their own."""
WIDE = 2_000
"""With more criteria than this in a plan, the lines of those that hold leave out why and source."""

FOLD_ROWS = 12
"""So many columns of a table and so many changes of the schema are listed; the others are folded."""
BLOCKS = 6
"""So many tables of evidence of one criterion are shown; the others are folded."""
LONGEST = 2_000
"""So many characters of one text are shown, so that one value cannot bury the page; result.json has all of it."""
LONGEST_OUTPUT = 20_000
"""The same for errors and for what a step printed."""

_TONES = {words.GO: "go", words.NO_GO: "nogo", words.INCOMPLETE: "incomplete", words.NONE: "none"}
_ICONS = {
    "go": '<path d="M7 12.5l3.4 3.4L17.2 8.6" stroke-width="2.2"/><circle cx="12" cy="12" r="10" stroke-width="1.8"/>',
    "nogo": '<path d="M8.5 8.5l7 7m0-7l-7 7" stroke-width="2.2"/>'
    '<path d="M8 2.3h8L21.7 8v8L16 21.7H8L2.3 16V8z" stroke-width="1.8"/>',
    "incomplete": '<path d="M12 7v6m0 3.4v.1" stroke-width="2.2"/>'
    '<circle cx="12" cy="12" r="10" stroke-width="1.8" stroke-dasharray="4.2 3.2"/>',
    "none": '<path d="M7.5 12h9" stroke-width="2.2"/><circle cx="12" cy="12" r="10" stroke-width="1.8"/>',
}
_TINTS = {"go": "#1d7048", "nogo": "#b3372c", "incomplete": "#96610a", "none": "#6b6862"}


@dataclass(frozen=True)
class Figure:
    """One key figure: what it is, the number, and a line below it."""

    label: str
    value: str
    below: str = ""


def render_page(result: Mapping[str, Any]) -> str:
    """The whole page as text."""
    run = view.read(result)
    css, css_hash = _style()
    return (
        _environment()
        .get_template("report.html.j2")
        .render(run=run, favicon=_favicon(_TONES[run.verdict]), css=css, css_hash=css_hash)
    )


def write_page(result: Mapping[str, Any], path: Path) -> None:
    """Writes the page; a reader sees the old file or the new one, never a half.

    Raises:
        OSError: it could not be written; what was there before is still there.
    """
    page = render_page(result)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(page)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


@cache
def _style() -> tuple[Markup, str]:
    """The style sheet, and the hash by which the page's policy allows it and no other style."""
    css = resources.files("pytest_cutover.report").joinpath("report.css").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    return Markup(css), f"sha256-{digest}"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("pytest_cutover.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "duration": text.duration, "count": text.count, "size": text.size, "age": text.age, "moment": text.moment,
        "outcome": lambda outcome: words.OUTCOMES.get(outcome, outcome),
        "tone": lambda verdict: _TONES[verdict],
        "shell": shlex.quote, "long": _long,
        "anchor": fields.slug,
    }  # fmt: skip
    environment.globals |= {
        "icons": {name: Markup(drawing) for name, drawing in _ICONS.items()},
        "some": text.some, "bars": bars, "waits": waits, "closed_rows": closed_rows, "timeline": timeline, "ledger_bar": ledger_bar, "figures": figures,
        "number": fields.number, "string": fields.string, "listing": fields.listing, "mappings": fields.mappings,
        "mapping": fields.mapping,
        "GROUPS": words.GROUPS, "FOLD": FOLD, "CARDS": CARDS, "BLOCKS": BLOCKS, "NAMED": NAMED, "WIDE": WIDE, "FOLD_ROWS": FOLD_ROWS,
        "expired": expired,
    }  # fmt: skip
    return environment


def _finalize(value: Any) -> Any:
    """What the template prints, harmless. Markup is our own; all else is cleaned here and escaped by Jinja."""
    if value is None:
        return ""
    return value if isinstance(value, Markup) else text.shorten(text.clean(value), LONGEST)


def _long(value: str) -> Markup:
    """The text of an error or an output: harmless, escaped, and cut later than other text."""
    return escape(text.shorten(text.clean(value), LONGEST_OUTPUT))


def figures(plan: view.PlanView) -> list[Figure]:
    """The key figures of a plan; what was not measured is left out."""
    return [
        one
        for one in (_criteria(plan), _migration(plan), _way_back(plan), _schema(plan), _rows(plan), _backup(plan))
        if one
    ]


def expired(waiver: fields.Json, started: str) -> bool:
    """True when the run began after the waiver's last day."""
    until = fields.string(waiver, "until")
    return bool(until and started) and started[:10] > until[:10]


def _criteria(plan: view.PlanView) -> Figure:
    counts = plan.counts
    counted = len(plan.criteria) - counts["not_applicable"]
    others = [
        f"{counts[name]:,} {words.OUTCOMES[name]}" for name in ("failed", "not_checked", "waived") if counts[name]
    ]
    return Figure("Criteria that hold", f"{counts['passed']:,} of {counted:,}", ", ".join(others))


def _migration(plan: view.PlanView) -> Figure | None:
    ran: list[Bar] = [bar for bar in bars(plan.parts("steps")) if bar.outcome != "not_run"]
    if not ran:
        return None
    steps = text.some(len(plan.parts("steps")), "step")
    stopped = any(bar.outcome == "failed" for bar in ran)
    below = f"stopped at step {len(ran)} of {steps}" if stopped else f"{steps}, start to end"
    return Figure("Migration", text.duration(sum(bar.seconds for bar in ran)), below)


def _way_back(plan: view.PlanView) -> Figure | None:
    ways = [
        (seconds, fields.string(way, "name"))
        for way in plan.parts("rollbacks")
        if fields.string(way, "outcome") == "ok" and not way.get("differences")
        if (seconds := fields.number(way, "seconds")) is not None
    ]
    if not ways:
        return Figure("Way back", "none proved") if plan.parts("rollbacks") else None
    seconds, name = min(ways)
    return Figure("Fastest way back", text.duration(seconds), f"“{name}”, of {text.some(len(ways), 'proved way')}")


def _schema(plan: view.PlanView) -> Figure | None:
    if plan.seconds("verify") is None or not (plan.parts("steps") and plan.part("changes")):
        return None
    changes = plan.parts("schema_diff")
    stray = sum(not each.get("declared") for each in changes)
    return Figure(
        "Schema changes",
        text.count(len(changes)),
        f"{stray:,} not declared" if stray else "all declared" if changes else "",
    )


def _rows(plan: view.PlanView) -> Figure | None:
    if not plan.tables:
        return None
    touched = [table for table in plan.tables if table.touched]
    changed = sum((table.changed or 0) + (table.added or 0) + (table.deleted or 0) for table in touched)
    untouched = len(plan.tables) - len(touched)
    return Figure(
        "Rows changed", text.count(changed), f"in {text.some(len(touched), 'table')}, {untouched:,} unchanged"
    )


def _backup(plan: view.PlanView) -> Figure | None:
    backup = plan.part("backup")
    if not backup:
        return None
    old = text.age(backup.get("age"))
    return Figure("Backup", f"{old} old" if old else "age unknown", text.moment(backup.get("taken")))


def _favicon(tone: str) -> str:
    drawing = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" stroke="{_TINTS[tone]}" '
        f'stroke-linecap="round" stroke-linejoin="round">{_ICONS[tone]}</svg>'
    )
    return "data:image/svg+xml," + quote(drawing)
