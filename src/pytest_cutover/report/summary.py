"""summary.md: what a reviewer reads beside the pull request. Made from a result; never longer than LIMIT bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pytest_cutover.report import fields, text, view
from pytest_cutover.report.items import CriterionView
from pytest_cutover.report.markdown import code, prose, table

LIMIT = 64_000
"""Bytes: a comment on GitHub holds 65,536 characters."""
_CUT = "*Cut here: the rest is in report.html and result.json.*"
_FAILED = 20
_KEYS = 5
_REASONS = 10
_IDS = 10
_WEAKENED = 40


def render_summary(result: fields.Json) -> str:
    """The whole summary. What came from a database, a plan or an error is shown, and is never markup."""
    run = view.read(result)
    lines = [*_head(run), *_weakened(run), *_stopping(run), *_plans(run), *_unchecked(run), *_waived(run), *_foot(run)]
    return _fit(lines)


def _fit(lines: Sequence[str]) -> str:
    """The lines that fit, whole ones only, and a word about the others."""
    kept: list[str] = []
    left = LIMIT - len(f"\n{_CUT}\n".encode())
    for line in lines:
        left -= len(f"{line}\n".encode())
        if left < 0:
            return "\n".join([*kept, "", _CUT, ""])
        kept.append(line)
    return "\n".join([*kept, ""])


def _head(run: view.RunView) -> Iterator[str]:
    yield f"## {run.verdict_line}"
    yield ""
    yield f"{prose(run.reason, 1_000)}  "
    for sentence in run.scope:
        yield f"{prose(sentence, 1_000)}  "


def _weakened(run: view.RunView) -> Iterator[str]:
    if not run.weakened:
        return
    yield from ("", f"### Weakened: {text.some(len(run.weakened), 'change')} to what is checked", "")
    yield from (f"* {prose(sentence, 600)}" for sentence in run.weakened[:_WEAKENED])
    if len(run.weakened) > _WEAKENED:
        yield f"* and {len(run.weakened) - _WEAKENED:,} more"


def _stopping(run: view.RunView) -> Iterator[str]:
    if not any(plan.failed or plan.breakages for plan in run.plans):
        return
    yield from ("", "### What stops the go")
    for plan in run.plans:
        for what, error in plan.breakages:
            yield from ("", f"**{prose(plan.name)}**: {code(what)} failed: {code(error, 1_000)}")
        for criterion in plan.failed[:_FAILED]:
            yield from ("", f"**{prose(plan.name)}: {code(criterion.id)}** {prose(criterion.message, 1_000)}", "")
            yield from _found(criterion)
        if len(plan.failed) > _FAILED:
            yield from ("", f"and {len(plan.failed) - _FAILED:,} more failed in {prose(plan.name)}")


def _found(criterion: CriterionView) -> Iterator[str]:
    pairs = (("before", criterion.before), ("expected", criterion.expected), ("found", criterion.actual))
    yield from (f"* {label}: {code(value)}" for label, value in pairs if value)
    for evidence in criterion.evidence[:1]:
        names = [evidence.columns[at] for at in evidence.keys]
        keys = [
            code(", ".join(f"{name} = {row[at]}" for name, at in zip(names, evidence.keys) if at < len(row)))
            for row in evidence.rows[:_KEYS]
        ]
        more = f" and {evidence.total - len(keys):,} more" if keys and evidence.total > len(keys) else ""
        title = f"{prose(evidence.title or 'evidence')} ({text.count(evidence.total)})"
        yield f"* {title}: {', '.join(keys)}{more}" if any(keys) else f"* {title}"
    if criterion.why:
        yield f"* why it matters: {prose(criterion.why)}"


def _plans(run: view.RunView) -> Iterator[str]:
    if not run.plans:
        return
    yield from ("", "### Plans", "")
    heads = ("plan", "verdict", "hold", "failed", "not checked", "waived", "migration", "server")
    yield from table(heads, (_plan(plan) for plan in run.plans))
    notes = [(plan.name, note) for plan in run.plans for note in plan.notes]
    if notes:
        yield ""
        yield from (f"* {prose(name)}: {prose(note, 600)}" for name, note in notes)


def _plan(plan: view.PlanView) -> list[str]:
    counts = [text.count(plan.counts[name]) for name in ("passed", "failed", "not_checked", "waived")]
    took = text.duration(plan.seconds("migrate")) or "not run"
    return [code(plan.name), f"**{plan.verdict}**", *counts, took, prose(plan.server) or "none"]


def _unchecked(run: view.RunView) -> Iterator[str]:
    plans = [plan for plan in run.plans if plan.not_checked]
    if not plans:
        return
    yield from ("", "### Not checked", "")
    for plan in plans:
        groups = list(plan.not_checked.items())
        for reason, found in groups[:_REASONS]:
            names = ", ".join(code(each.id) for each in found[:_IDS])
            more = f" and {len(found) - _IDS:,} more" if len(found) > _IDS else ""
            yield f"* {prose(plan.name)}: {names}{more}: {prose(reason, 600)}"
        if len(groups) > _REASONS:
            yield f"* {prose(plan.name)}: and {text.some(len(groups) - _REASONS, 'other reason')}"


def _waived(run: view.RunView) -> Iterator[str]:
    waivers = [(plan.name, each) for plan in run.plans for each in plan.parts("waivers")]
    if not waivers:
        return
    heads = ("plan", "criterion", "accepts", "owner", "until", "reason", "used")
    keys = ("criterion", "accepts", "owner", "until", "reason")
    yield from ("", "### Waivers", "")
    yield from table(
        heads,
        (
            [code(name), *(prose(fields.string(each, key)) for key in keys), "yes" if each.get("used") else "no"]
            for name, each in waivers
        ),
    )


def _foot(run: view.RunView) -> Iterator[str]:
    git = fields.mapping(run.data, "git")
    revision = fields.string(git, "revision")
    parts = [
        f"run {code(fields.string(run.data, 'run_id'))}",
        f"took {text.duration(fields.number(run.data, 'seconds'))}" if run.data.get("seconds") is not None else "",
        f"revision {code(revision)}{', with uncommitted changes' if git.get('dirty') else ''}" if revision else "",
        "live, read-only" if fields.string(run.data, "mode") == "live" else "",
        f"pytest-cutover {prose(fields.string(fields.mapping(run.data, 'tool'), 'version'))}",
    ]
    yield from ("", " · ".join(part for part in parts if part))
