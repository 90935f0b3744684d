"""A result, read for people: what the page and the terminal both show.

The input is the dict of `result.json`. Keys may be missing; what is missing is not shown, and never counts as passed.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

from pytest_cutover.report import text, words
from pytest_cutover.report.fields import Json, listing, mapping, mappings, number, slug, string, whole

CELL = 300
"""So many characters of one value of evidence are shown."""


@dataclass(frozen=True)
class Block:
    """One titled table of evidence; `keys` are the positions of the columns that identify a row."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    total: int
    keys: tuple[int, ...]

    @property
    def more(self) -> int:
        """How many rows there were beyond the ones kept."""
        return max(self.total - len(self.rows), 0)


@dataclass(frozen=True)
class CriterionView:
    """One criterion and what was found."""

    anchor: str
    id: str
    kind: str
    outcome: str
    phase: str
    before: str
    expected: str
    actual: str
    message: str
    why: str
    source: str
    nodeid: str
    reason: str
    held_before: bool | None
    seconds: float | None
    evidence: tuple[Block, ...]

    @property
    def group(self) -> str:
        """The heading it stands under."""
        return words.group_of(self.kind)

    @property
    def stops(self) -> bool:
        """True when it keeps the verdict from being GO."""
        return self.outcome in ("failed", "not_checked")


@dataclass(frozen=True)
class TableView:
    """How one table's rows changed. `kept` is None where it cannot be known."""

    name: str
    before: int | None
    after: int | None
    added: int | None
    deleted: int | None
    changed: int | None
    columns: tuple[tuple[str, int], ...]

    @property
    def kept(self) -> int | None:
        """Rows of before that are there unchanged."""
        if self.before is None or self.deleted is None or self.changed is None:
            return None
        return max(self.before - self.deleted - self.changed, 0)

    @property
    def touched(self) -> bool:
        """False only when it is known that nothing changed."""
        return self.added != 0 or self.deleted != 0 or self.changed != 0 or self.before != self.after


@dataclass(frozen=True)
class PlanView:
    """One plan: the verdict, everything behind it, and the anchors of its sections."""

    name: str
    title: str
    owner: str
    engine: str
    verdict: str
    reason: str
    notes: tuple[str, ...]
    criteria: tuple[CriterionView, ...]
    tables: tuple[TableView, ...]
    data: Json = field(repr=False)

    def of(self, *outcomes: str) -> list[CriterionView]:
        """The criteria with one of these outcomes, in the order of the result."""
        return [one for one in self.criteria if one.outcome in outcomes]

    @cached_property
    def failed(self) -> list[CriterionView]:
        """The criteria that do not hold."""
        return self.of("failed")

    @cached_property
    def not_checked(self) -> dict[str, list[CriterionView]]:
        """The criteria that were not decided, by reason; the reason of the most first."""
        groups: dict[str, list[CriterionView]] = {}
        for criterion in self.of("not_checked"):
            groups.setdefault(criterion.reason or criterion.message or "no reason was recorded", []).append(criterion)
        return dict(sorted(groups.items(), key=lambda item: -len(item[1])))

    @cached_property
    def counts(self) -> dict[str, int]:
        """How many criteria have each outcome."""
        return {outcome: len(self.of(outcome)) for outcome in _CRITERION_OUTCOMES}

    def part(self, key: str) -> Json:
        """A table of the result, empty where it is missing."""
        return mapping(self.data, key)

    def parts(self, key: str) -> list[Json]:
        """A list of tables of the result, empty where it is missing."""
        return mappings(self.data, key)

    @cached_property
    def breakages(self) -> list[tuple[str, str]]:
        """What broke off, and the words of the error: steps, and stages for another reason than a step."""
        steps = [
            (f"step {string(step, 'name')}", string(step, "error"))
            for step in self.parts("steps")
            if string(step, "outcome") == "failed"
        ]
        return steps + [
            (string(stage, "name"), string(stage, "error"))
            for stage in self.parts("stages")
            if string(stage, "outcome") == "failed"
            and string(stage, "error")
            and not (steps and stage.get("name") == "migrate")
        ]

    @property
    def server(self) -> str:
        """The engine and its version, as its makers spell it."""
        name = words.ENGINES.get(self.engine, self.engine)
        return " ".join(part for part in (name, string(self.part("target"), "server_version")) if part)

    def seconds(self, stage: str) -> float | None:
        """How long a stage took, None where it did not run."""
        for one in self.parts("stages"):
            if one.get("name") == stage and one.get("outcome") != "not_run":
                return number(one, "seconds")
        return None

    @property
    def stops(self) -> bool:
        """True when something of this plan stops the go."""
        return bool(self.failed or self.not_checked) or self.verdict != words.GO


@dataclass(frozen=True)
class RunView:
    """The whole run."""

    verdict: str
    reason: str
    plans: tuple[PlanView, ...]
    data: Json = field(repr=False)

    @property
    def verdict_line(self) -> str:
        """The verdict, and the waivers that it rests on."""
        waived = sum(plan.counts["waived"] for plan in self.plans)
        return f"{self.verdict} with {text.some(waived, 'waiver')}" if waived else self.verdict

    @cached_property
    def weakened(self) -> list[str]:
        """What is checked less than at the merge base, or otherwise, in a sentence each; the worst first."""
        return [_weakening(each) for each in mappings(self.data, "weakened")]

    @cached_property
    def scope(self) -> list[str]:
        """What --changed-since selected, in a sentence each; empty without it."""
        chosen = mapping(self.data, "changed_since")
        if not chosen:
            return []
        since = f"{string(chosen, 'revision')} ({string(chosen, 'merge_base')[:12]})"
        names = {key: ", ".join(map(text.one_line, listing(chosen, key))) for key in ("unchanged", "deleted")}
        said = [f"Rehearsed was only what changed since {since}."]
        said += [f"Unchanged, not rehearsed: {names['unchanged']}."] if names["unchanged"] else []
        return said + ([f"Removed: {names['deleted']}."] if names["deleted"] else [])


def _weakening(data: Json) -> str:
    plan, what, subject, before, after = (string(data, key) for key in ("plan", "what", "subject", "before", "after"))
    sentence = ": ".join(part for part in (plan, what, subject) if part)
    if before and after:
        return f"{sentence}: {before} → {after}"
    return f"{sentence}, was: {before}" if before else f"{sentence}, now: {after}" if after else sentence


_CRITERION_OUTCOMES = ("passed", "failed", "waived", "not_checked", "not_applicable")
_VERDICTS = (words.GO, words.NO_GO, words.INCOMPLETE)
_WORRY = (words.NO_GO, words.INCOMPLETE, words.NONE, words.GO)


def read(result: Json) -> RunView:
    """The run that a result tells of, the plans that need a person first."""
    anchors: set[str] = set()
    plans = tuple(_plan(data, anchors) for data in mappings(result, "plans"))
    plans = tuple(sorted(plans, key=lambda plan: _WORRY.index(plan.verdict)))
    verdict = _verdict(result)
    reason = plans[0].reason if len(plans) == 1 else string(result, "reason") or _run_reason(verdict, plans)
    return RunView(verdict, reason, plans, result)


def _plan(data: Json, anchors: set[str]) -> PlanView:
    name = string(data, "name") or "unnamed plan"
    criteria = tuple(_criterion(one, name, anchors) for one in mappings(data, "criteria"))
    changes = mapping(data, "changes")
    tables = tuple(_table(table, mapping(changes, table)) for table in sorted(changes))
    verdict = _verdict(data)
    plan = PlanView(
        name,
        string(data, "title"),
        string(data, "owner"),
        string(data, "engine"),
        verdict,
        string(data, "reason"),
        tuple(text.clean(note) for note in listing(data, "notes")),
        criteria,
        tables,
        data,
    )
    return plan if plan.reason else _with_reason(plan)


def _criterion(data: Json, plan: str, anchors: set[str]) -> CriterionView:
    outcome = string(data, "outcome")
    known = outcome in _CRITERION_OUTCOMES
    identifier = string(data, "id") or "unnamed"
    return CriterionView(
        _anchor(f"{plan}-{identifier}", anchors),
        identifier,
        string(data, "kind"),
        outcome if known else "not_checked",
        string(data, "phase"),
        string(data, "before"),
        string(data, "expected"),
        string(data, "actual"),
        string(data, "message"),
        string(data, "why"),
        string(data, "source"),
        string(data, "nodeid"),
        string(data, "reason") if known else "no outcome was recorded",
        data["held_before"] if isinstance(data.get("held_before"), bool) else None,
        number(data, "seconds"),
        tuple(_block(one) for one in mappings(data, "evidence")),
    )


def _block(data: Json) -> Block:
    columns = [text.one_line(column) for column in listing(data, "columns")]
    rows = [row if isinstance(row, (list, tuple)) else [row] for row in listing(data, "rows")]
    total = data.get("total")
    keys = [text.one_line(key) for key in listing(data, "keys")]
    return Block(
        string(data, "title"),
        tuple(columns),
        tuple(tuple(text.shorten(text.clean(cell, exact=True), CELL) for cell in row) for row in rows),
        total if isinstance(total, int) else len(rows),
        tuple(columns.index(key) for key in keys if key in columns) if "keys" in data else tuple(range(len(columns))),
    )


def _table(name: str, data: Json) -> TableView:
    columns = mapping(data, "columns")
    before, after, added, deleted, changed = (
        whole(data, key) for key in ("before", "after", "added", "deleted", "changed")
    )
    counts = tuple((text.one_line(key), int(columns[key])) for key in columns if isinstance(columns[key], int))
    return TableView(text.one_line(name), before, after, added, deleted, changed, counts)


def _verdict(data: Json) -> str:
    return data["verdict"] if data.get("verdict") in _VERDICTS else words.NONE


def _with_reason(plan: PlanView) -> PlanView:
    total = len(plan.criteria)
    undecided = plan.counts["not_checked"]
    if plan.failed:
        reason = f"{len(plan.failed)} of {text.some(total, 'criterion', 'criteria')} failed."
    elif undecided:
        reason = f"{undecided} of {text.some(total, 'criterion', 'criteria')} could not be checked."
    elif not total:
        reason = "No criterion was checked."
    else:
        reason = f"{text.some(plan.counts['passed'], 'criterion holds', 'criteria hold')}."
    return replace(plan, reason=reason)


def _run_reason(verdict: str, plans: tuple[PlanView, ...]) -> str:
    if not plans:
        return "No plan was rehearsed."
    behind = [plan.name for plan in plans if plan.verdict == verdict]
    return f"{', '.join(behind)}: {verdict}." if verdict != words.GO else f"All {len(plans)} plans are GO."


def _anchor(wanted: str, taken: set[str]) -> str:
    base = anchor = slug(wanted)
    follower = 2
    while anchor in taken:
        anchor = f"{base}-{follower}"
        follower += 1
    taken.add(anchor)
    return anchor
