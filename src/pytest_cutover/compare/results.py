"""Two results: plan by plan and criterion by criterion, what is better, worse, slower."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from pytest_cutover.compare.model import Change, Comparison, Part, Side, Sort, changed
from pytest_cutover.compare.schemas import result_schemas
from pytest_cutover.compare.times import time_changes
from pytest_cutover.report import fields, text, view, words
from pytest_cutover.report.items import CriterionView, TableView

_VERDICTS = (words.GO, words.INCOMPLETE, words.NONE, words.NO_GO)
_OUTCOMES = ("passed", "waived", "not_checked", "failed")
"""Both the best first. What is not applicable stands outside: it proves nothing and hinders nothing."""


def compare_results(names: tuple[str, str], first: dict[str, Any], second: dict[str, Any]) -> Comparison:
    """What became of the first run's findings in the second one."""
    one, other = view.read(first), view.read(second)
    modes = tuple(fields.string(each, "mode") for each in (first, second))
    alike = modes[0] == modes[1]
    before, after = ({plan.name: plan for plan in run.plans} for run in (one, other))
    left = {text.clean(name) for name in fields.listing(fields.mapping(second, "changed_since"), "unchanged")}
    parts = []
    for name in dict.fromkeys([*before, *after]):
        if name not in after:
            parts.append(_gone(before[name], left_out=name in left))
        elif name not in before:
            parts.append(_new(after[name]))
        else:
            parts.append(_plan(before[name], after[name], alike))
    nothing_to_do = other.verdict == words.NONE and bool(fields.mapping(second, "changed_since"))
    overall = [] if nothing_to_do else _verdict("verdict of the run", one.verdict, other.verdict)
    # With one plan, or where a plan says it already, the run's verdict is no news.
    said = {change.text for part in parts for change in part.changes if change.subject == "verdict"}
    if any(change.text not in said for change in overall):
        parts.insert(0, Part("", tuple(overall)))
    remark = "" if alike else (
        f"A is a {modes[0] or 'run'} and B a {modes[1] or 'run'}: a criterion that only one of them asks is not counted as worse."
    )  # fmt: skip
    return Comparison((_side(names[0], one), _side(names[1], other)), tuple(parts), remark)


def _side(name: str, run: view.RunView) -> Side:
    git = fields.mapping(run.data, "git")
    revision = fields.string(git, "revision")[:12]
    facts = (
        run.verdict, fields.string(run.data, "mode"), text.moment(run.data.get("started")),
        f"revision {revision}{' with changes' if git.get('dirty') else ''}" if revision else "",
        fields.string(run.data, "run_id"),
    )  # fmt: skip
    return Side(name, tuple(fact for fact in facts if fact))


def _gone(plan: view.PlanView, *, left_out: bool) -> Part:
    if left_out:
        return Part(plan.name, (Change("different", "plan", "only in A: B left it out, as nothing of it changed"),))
    return Part(plan.name, (Change("worse", "plan", f"only in A, where it was {plan.verdict}"),))


def _new(plan: view.PlanView) -> Part:
    sort: Sort = "better" if plan.verdict == words.GO else "worse"
    return Part(plan.name, (Change(sort, "plan", f"only in B: {plan.verdict}"),))


def _plan(first: view.PlanView, second: view.PlanView, alike: bool) -> Part:
    before, after = _by_id(first.criteria), _by_id(second.criteria)
    found = _verdict("verdict", first.verdict, second.verdict)
    for name in dict.fromkeys([*before, *after]):
        if name not in after:
            was = words.OUTCOMES[before[name].outcome]
            found.append(Change("worse" if alike else "different", name, f"only in A, where it was {was}"))
        elif name not in before:
            found.append(_added(after[name], alike))
        else:
            found += _criterion(before[name], after[name])
    found += time_changes(first, second) if alike else []
    found += _ground(first, second)
    found += _rows(first.tables, second.tables)
    found += result_schemas(first.data.get("schema"), second.data.get("schema"))
    found += _known_to_one(first, second) if alike else []
    kept = sum(name in before and before[name].outcome == each.outcome for name, each in after.items())
    return Part(
        first.name, tuple(found), f"{text.some(kept, 'criterion', 'criteria')} with the same outcome, {second.verdict}"
    )


def _verdict(subject: str, was: str, now: str) -> list[Change]:
    worse = _VERDICTS.index(now) > _VERDICTS.index(was)
    return changed(subject, was, now, "worse" if worse else "better" if now == words.GO else "different")


def _by_id(criteria: Iterable[CriterionView]) -> dict[str, CriterionView]:
    """The criteria by id; of two with one id, which no run writes, the one that is worse."""
    found: dict[str, CriterionView] = {}
    for each in criteria:
        if each.id not in found or _rank(each) > _rank(found[each.id]):
            found[each.id] = each
    return found


def _rank(criterion: CriterionView) -> int:
    return _OUTCOMES.index(criterion.outcome) if criterion.outcome in _OUTCOMES else -1


def _added(criterion: CriterionView, alike: bool) -> Change:
    sort: Sort = "better" if criterion.outcome == "passed" else "different"
    if criterion.outcome in ("failed", "not_checked") and alike:
        sort = "worse"
    return Change(sort, criterion.id, f"only in B: {words.OUTCOMES[criterion.outcome]}{_because(criterion)}")


def _criterion(was: CriterionView, now: CriterionView) -> Iterator[Change]:
    if was.outcome != now.outcome:
        how = f"{words.OUTCOMES[was.outcome]} → {words.OUTCOMES[now.outcome]}{_because(now)}"
        yield Change(_turn(was.outcome, now.outcome), now.id, how)
    for what in ("kind", "expected", "before", "actual"):
        # A time that was measured is another one each time; the comparison of times says whether it matters.
        if what != "actual" or now.kind not in ("duration", "query_time"):
            yield from changed(f"{now.id}, {what}", getattr(was, what), getattr(now, what))


def _turn(was: str, now: str) -> Sort:
    """Only what holds now is better: a failure that was waived, or is not looked at any more, is still one."""
    if now == "not_applicable":
        return "worse" if was in ("passed", "waived") else "different"
    if now == "passed":
        return "better"
    if was == "not_applicable":
        return "worse" if now in ("failed", "not_checked") else "different"
    return "worse" if _OUTCOMES.index(now) > _OUTCOMES.index(was) else "different"


def _because(criterion: CriterionView) -> str:
    told = {"failed": criterion.message, "not_checked": criterion.reason or criterion.message}.get(
        criterion.outcome, ""
    )
    return f": {told}" if told else ""


def _ground(first: view.PlanView, second: view.PlanView) -> Iterator[Change]:
    """What both runs stand on: whether it was the same plan, migration, backup and server."""
    pairs = (("plan.toml", "hashes", "plan"), ("migration", "hashes", "migration"), ("backup", "backup", "sha256"))
    for subject, table, key in pairs:
        was, now = (fields.string(each.part(table), key) for each in (first, second))
        if was and now and was != now:
            yield Change("different", subject, f"another one: {was[:12]} → {now[:12]}")
    for subject, key in (("server", "server_version"), ("target", "kind")):
        was, now = (fields.string(each.part("target"), key) for each in (first, second))
        yield from changed(subject, was, now)


def _known_to_one(first: view.PlanView, second: view.PlanView) -> Iterator[Change]:
    """What cannot be compared, as only one of the runs came so far."""
    for subject, key in (("rows of the tables", "changes"), ("schema", "schema")):
        was, now = (bool(each.data.get(key)) for each in (first, second))
        if was != now:
            yield Change(
                "different", subject, "not compared: only A knows it" if was else "not compared: only B knows it"
            )


def _rows(first: Iterable[TableView], second: Iterable[TableView]) -> Iterator[Change]:
    before, after = ({table.name: table for table in tables} for tables in (first, second))
    if not before or not after:
        return
    for name in dict.fromkeys([*before, *after]):
        yield from changed(f"rows of {name}", _ledger(before.get(name)), _ledger(after.get(name)))


def _ledger(table: TableView | None) -> str:
    if table is None:
        return "no such table"
    numbers = f"{text.count(table.before) or 'unknown'} before, {text.count(table.after) or 'unknown'} after"
    parts = (("added", table.added), ("deleted", table.deleted), ("changed", table.changed))
    return ", ".join([numbers, *(f"{number:,} {what}" for what, number in parts if number)])
