"""deployment.md: the log that a deployment is documented with. Made from a result, and from who signed it off."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pytest_cutover.report import fields, text, view, words
from pytest_cutover.report.markdown import code, prose, table

_STATUS = {words.GO: "Success", words.NO_GO: "Failed", words.INCOMPLETE: "Incomplete", words.NONE: "Nothing was run"}


def render_deployment(result: fields.Json, signed: Sequence[fields.Json] = ()) -> str:
    """The whole log; `signed` are the entries of sign-off.json that are bound to this result."""
    run = view.read(result)
    started = fields.string(result, "started")
    what = "checked on the live database" if fields.string(result, "mode") == "live" else "rehearsed, not deployed"
    lines = [f"# Deployment {prose(started[:10])}", "", f"This log is of a run that was {what}.", ""]
    lines += [f"* Verdict: **{run.verdict_line}**", f"* Reason: {prose(run.reason, 1_000)}"]
    lines += [f"* Started: {prose(text.moment(started))}", f"* Run: {code(fields.string(result, 'run_id'))}"]
    for plan in run.plans:
        lines += [*_plan(plan), *_applied(plan), *_results(plan), *_verification(plan), *_metrics(plan)]
    return "\n".join([*lines, *_signed(signed), ""])


def _plan(plan: view.PlanView) -> Iterator[str]:
    yield from ("", f"## {prose(plan.name)}: {prose(plan.title)}" if plan.title else f"## {prose(plan.name)}", "")
    target, hashes = plan.part("target"), plan.part("hashes")
    yield f"* Database: {prose(fields.string(target, 'server') or plan.server) or 'none was reached'}"
    if plan.owner:
        yield f"* Owner: {prose(plan.owner)}"
    backup = plan.part("backup")
    if fields.string(backup, "sha256"):
        taken = prose(text.moment(backup.get("taken"))) or "unknown"
        yield f"* Backup: {code(fields.string(backup, 'path'))}, taken {taken}, SHA-256 {code(backup['sha256'])}"
    yield f"* Migration: SHA-256 {code(fields.string(hashes, 'migration'))}"


def _applied(plan: view.PlanView) -> Iterator[str]:
    yield from ("", "### Migrations applied", "")
    steps = plan.parts("steps")
    if not steps:
        yield "None by this run."
        return
    rows = []
    for step in steps:
        outcome = fields.string(step, "outcome")
        took = text.duration(fields.number(step, "seconds")) if outcome != "not_run" else ""
        rows.append([code(fields.string(step, "name")), words.OUTCOMES.get(outcome, prose(outcome)), took])
        for statement in fields.mappings(step, "statements"):
            place = f"{fields.string(statement, 'file')}:{statement.get('line')}"
            took = text.duration(fields.number(statement, "seconds"))
            rows.append(
                [f"{code(place)} {code(fields.string(statement, 'summary'))}", code(statement.get("tag") or ""), took]
            )
    yield from table(("what", "result", "duration"), rows)


def _results(plan: view.PlanView) -> Iterator[str]:
    yield from ("", "### Results", "", f"* Status: {_STATUS[plan.verdict]} ({plan.verdict})")
    for stage in plan.parts("stages"):
        if fields.string(stage, "outcome") != "not_run":
            took = text.duration(fields.number(stage, "seconds"))
            failed = ", failed" if fields.string(stage, "outcome") == "failed" else ""
            yield f"* Duration of {prose(fields.string(stage, 'name'))}: {took}{failed}"
    issues = [f"{prose(what)}: {code(error, 1_000)}" for what, error in plan.breakages]
    issues += [f"{code(each.id)}: {prose(each.message, 1_000)}" for each in plan.of("failed", "waived")]
    issues += [prose(note, 600) for note in plan.notes]
    yield f"* Issues: {'None' if not issues else ''}".rstrip()
    yield from (f"    * {issue}" for issue in issues)


def _verification(plan: view.PlanView) -> Iterator[str]:
    yield from ("", "### Verification", "")
    if not plan.criteria:
        yield "Nothing was verified."
        return
    rows = (
        [code(each.id), words.OUTCOMES[each.outcome].upper(), prose(each.reason if each.stops else each.message)
         or prose(each.message)]
        for each in plan.criteria
    )  # fmt: skip
    yield from table(("criterion", "result", "finding"), rows)


def _metrics(plan: view.PlanView) -> Iterator[str]:
    measured = [each for each in plan.criteria if each.before and each.actual]
    tables = [each for each in plan.tables if each.touched]
    if not measured and not plan.tables:
        return
    yield from ("", "### Metrics before and after", "")
    rows = [[f"rows of {code(each.name)}", text.count(each.before), text.count(each.after)] for each in tables]
    untouched = [each for each in plan.tables if not each.touched]
    kept = sum(each.before or 0 for each in untouched)
    rows += [[f"rows of {text.some(len(untouched), 'other table')}", f"{kept:,}", f"{kept:,}"]] if untouched else []
    rows += [[code(each.id), prose(each.before), prose(each.actual)] for each in measured]
    yield from table(("what", "before", "after"), rows)


def _signed(signed: Sequence[fields.Json]) -> Iterator[str]:
    if not signed:
        return
    yield from ("", "## Sign-off", "")
    heads = ("by", "what", "when", "verdict", "despite")
    yield from table(heads, ([prose(fields.string(each, key)) for key in heads] for each in signed))
