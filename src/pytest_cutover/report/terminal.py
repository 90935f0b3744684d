"""The closing summary in the terminal: what came out, and what stops the go, for a tired person."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import Literal, NamedTuple

from pytest_cutover.report import fields, text, view, words
from pytest_cutover.report.block import Block
from pytest_cutover.report.items import CriterionView
from pytest_cutover.report.timeline import WAITING, closed_rows

Style = Literal["plain", "good", "bad", "warn", "dim", "bold"]

FAILED_SHOWN = 5
"""So many failed criteria of a plan are told; the others are in the report."""
KEYS_SHOWN = 5
LONGEST = 1_000
"""So many characters of one text are told."""
REASONS_SHOWN = 6
WEAKENED_SHOWN = 12
HAZARDS_SHOWN = 3
_INDENT = "  "
_NARROWEST = 40

_STYLES: dict[str, Style] = {words.GO: "good", words.NO_GO: "bad", words.INCOMPLETE: "warn", words.NONE: "warn"}


class Line(NamedTuple):
    """One line of the summary, without its line end, and how it is to look."""

    text: str
    style: Style = "plain"


def summary_lines(result: fields.Json, width: int = 80, report: str | None = None) -> list[Line]:
    """The summary of a result; its last line is the verdict. `report` is where the page lies.

    No line holds a control character, whatever a database answered. Prose is wrapped at `width`; names and
    commands that are longer stay whole, so that they can be copied.
    """
    run = view.read(result)
    width = max(width, _NARROWEST)
    lines = [*_weakened(run, width)]
    for plan in reversed(run.plans):  # the plan that needs a person ends up next to the verdict
        lines += _plan(plan, width)
        lines.append(Line(""))
    return [*lines, *_closing(run, width, report)]


def _weakened(run: view.RunView, width: int) -> Iterator[Line]:
    if not run.weakened:
        return
    yield Line(f"WEAKENED  {text.some(len(run.weakened), 'change')} to what is checked", "warn")
    for sentence in run.weakened[:WEAKENED_SHOWN]:
        yield from _prose(text.one_line(sentence), width, _INDENT)
    if len(run.weakened) > WEAKENED_SHOWN:
        yield Line(f"{_INDENT}and {len(run.weakened) - WEAKENED_SHOWN:,} more, in the report")
    yield Line("")


def _plan(plan: view.PlanView, width: int) -> Iterator[Line]:
    name = text.one_line(plan.name)
    heading = f"{plan.verdict}  {name}" + (f": {text.one_line(plan.title)}" if plan.title else "")
    yield Line(heading, _STYLES[plan.verdict])
    yield from _prose(plan.reason, width, _INDENT)
    yield from _joined(_times(plan), " · ", width, _INDENT)
    yield from _prose(_waits(plan), width, _INDENT, "dim")
    for note in plan.notes:
        yield from _prose(f"Note: {note}", width, _INDENT, "warn")
    yield from _hazards(plan, width)
    yield from _breakages(plan)
    waivers = {fields.string(each, "criterion"): fields.string(each, "note") for each in plan.parts("waivers")}
    for criterion in plan.failed[:FAILED_SHOWN]:
        yield from _failed(criterion, waivers.get(criterion.id, ""), width)
    if len(plan.failed) > FAILED_SHOWN:
        yield Line(f"{_INDENT}and {len(plan.failed) - FAILED_SHOWN:,} more failed, in the report", "bad")
    yield from _not_checked(plan, width)
    yield from _waived(plan, width)


def _hazards(plan: view.PlanView, width: int) -> Iterator[Line]:
    """What warns, in one sentence; where hazards are criteria, they stand among those."""
    objects: dict[str, list[str]] = {}
    for each in plan.warning_hazards:
        objects.setdefault(each.id, []).append(text.one_line(each.object))
    if objects:
        listed = [f"{name} ({', '.join(found[:HAZARDS_SHOWN])}{', …' if len(found) > HAZARDS_SHOWN else ''})"
                  for name, found in objects.items()]  # fmt: skip
        yield from _prose(f"Hazards: {'; '.join(listed)}: see the report", width, _INDENT, "warn")


def _times(plan: view.PlanView) -> list[str]:
    times = []
    for stage in plan.parts("stages"):
        name, outcome = text.one_line(stage.get("name") or "unnamed"), fields.string(stage, "outcome")
        if outcome == "not_run":
            times.append(f"{name} not run")
        else:
            mark = " failed" if outcome == "failed" else ""
            times.append(f"{name} {text.duration(fields.number(stage, 'seconds'))}{mark}".strip())
    return times


def _waits(plan: view.PlanView) -> str:
    """How long each busy table kept its clients waiting, in one sentence; empty where nobody watched."""
    told: dict[str, list[str]] = {}
    for wait in plan.parts("waits"):
        clients = WAITING.get(fields.string(wait, "access"), "others")
        longest = text.duration(fields.number(wait, "longest")) if wait.get("tries") else "not measured"
        share = closed_rows(wait)
        told.setdefault(text.one_line(wait.get("table") or "unnamed"), []).append(
            f"{clients} {longest}" + (f" ({share})" if share else "")
        )
    listed = "; ".join(f"{table}: {', '.join(each)}" for table, each in told.items())
    return f"longest waits: {listed}" if listed else ""


def _breakages(plan: view.PlanView) -> Iterator[Line]:
    for what, error in plan.breakages:
        yield Line("")
        yield Line(f"{_INDENT}failed  {text.one_line(what)}", "bad")
        yield from _quoted(error)


def _failed(criterion: CriterionView, waiver: str, width: int) -> Iterator[Line]:
    inner = _INDENT * 2
    yield Line("")
    yield Line(f"{_INDENT}failed  {text.one_line(criterion.id)}", "bad")
    yield from _prose(criterion.message, width, inner)
    for label, value in (("before", criterion.before), ("expected", criterion.expected), ("found", criterion.actual)):
        if value:
            yield from _labelled(label, value, width, inner, "bold" if label == "found" else "plain")
    if waiver:
        yield from _labelled("waiver", waiver, width, inner, "warn")
    for block in criterion.evidence[:1]:
        yield from _evidence(block, width, inner)


def _evidence(block: Block, width: int, indent: str) -> Iterator[Line]:
    keys = [tuple(text.one_line(row[at]) for at in block.keys if at < len(row)) for row in block.rows[:KEYS_SHOWN]]
    keys = [key for key in keys if key]
    title = text.one_line(block.title or "evidence")
    yield from _prose(f"{title} ({text.count(block.total)})" + (":" if keys else ""), width, indent, "dim")
    if not keys:
        return
    more = f"and {block.total - len(keys):,} more in the report" if block.total > len(keys) else ""
    names = [block.columns[at] for at in block.keys]
    if len(names) == 1:
        shown = [f"{names[0]} = {keys[0][0]}", *(key[0] for key in keys[1:]), more]
        yield from _joined([one for one in shown if one], ", ", width, indent + _INDENT)
        return
    for key in keys:
        yield Line(indent + _INDENT + ", ".join(f"{name} = {value}" for name, value in zip(names, key)), "dim")
    if more:
        yield Line(indent + _INDENT + more, "dim")


def _not_checked(plan: view.PlanView, width: int) -> Iterator[Line]:
    groups = list(plan.not_checked.items())
    if not groups:
        return
    yield Line("")
    yield Line(f"{_INDENT}not checked  {text.some(plan.counts['not_checked'], 'criterion', 'criteria')}", "warn")
    for reason, found in groups[:REASONS_SHOWN]:
        ids = [text.one_line(one.id) for one in found]
        more = f" and {len(ids) - KEYS_SHOWN:,} more" if len(ids) > KEYS_SHOWN else ""
        yield from _prose(f"{len(ids):,} × {reason}", width, _INDENT * 2)
        yield from _prose(", ".join(ids[:KEYS_SHOWN]) + more, width, _INDENT * 3, "dim")
    if len(groups) > REASONS_SHOWN:
        yield Line(f"{_INDENT * 2}and {text.some(len(groups) - REASONS_SHOWN, 'other reason')} in the report")


def _waived(plan: view.PlanView, width: int) -> Iterator[Line]:
    waivers = {fields.string(waiver, "criterion"): waiver for waiver in plan.parts("waivers")}
    found = plan.of("waived")
    if found:
        yield Line("")
    for criterion in found:
        waiver = waivers.get(criterion.id, {})
        terms = [
            f"{label} {text.one_line(waiver[key])}"
            for label, key in (("by", "owner"), ("until", "until"))
            if waiver.get(key)
        ]
        yield Line(" ".join([f"{_INDENT}waived  {text.one_line(criterion.id)}", *terms]), "warn")
        yield from _prose(criterion.message, width, _INDENT * 2)


def _closing(run: view.RunView, width: int, report: str | None) -> Iterator[Line]:
    if len(run.plans) != 1:
        yield from _prose(run.reason, width, "")
    for sentence in run.scope:
        yield from _prose(sentence, width, "")
    seconds = fields.number(run.data, "seconds")
    verdict = run.verdict_line + (f" after {text.duration(seconds)}" if seconds is not None else "")
    parts = [verdict, _tally(run.plans), text.one_line(report or "")]
    yield Line(" · ".join(part for part in parts if part), _STYLES[run.verdict])


def _tally(plans: Sequence[view.PlanView]) -> str:
    if len(plans) > 1:
        verdicts = [plan.verdict for plan in plans]
        return ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in dict.fromkeys(verdicts))
    counts = plans[0].counts if plans else {}
    return ", ".join(f"{number:,} {words.OUTCOMES[outcome]}" for outcome, number in counts.items() if number)


def _joined(parts: Sequence[str], between: str, width: int, indent: str) -> Iterator[Line]:
    """The parts one after another, lines broken only between them."""
    line = ""
    for part in parts:
        if line and len(indent + line + between + part) > width:
            yield Line(indent + line + between.rstrip(), "dim")
            line = part
        else:
            line = line + between + part if line else part
    if line:
        yield Line(indent + line, "dim")


def _prose(value: str, width: int, indent: str, style: Style = "plain") -> Iterator[Line]:
    """The text wrapped; each of its own lines but the first begins with a bar, so that it cannot pass for ours."""
    for position, part in enumerate(text.shorten(text.clean(value), LONGEST).replace("\t", " ").split("\n")):
        lead = indent if position == 0 else f"{indent}| "
        for line in wrap(part, width - len(lead), break_long_words=False, break_on_hyphens=False):
            yield Line(lead + line, style)


def _labelled(label: str, value: str, width: int, indent: str, style: Style) -> Iterator[Line]:
    lead = f"{indent}{label:<10}"
    space = width - len(lead)
    for position, line in enumerate(
        wrap(text.shorten(text.one_line(value), LONGEST), space, break_long_words=False, break_on_hyphens=False)
    ):
        yield Line((lead if position == 0 else " " * len(lead)) + line, style)


def _quoted(value: str) -> Iterator[Line]:
    for line in text.shorten(text.clean(value), LONGEST).replace("\t", "    ").splitlines():
        yield Line(f"{_INDENT * 2}| {line}")
