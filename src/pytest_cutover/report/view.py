"""A result, read for people: what the page and the terminal both show.

The input is the dict of `result.json`. Keys may be missing; what is missing is not shown, and never counts as passed.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

from pytest_cutover.report import text, words
from pytest_cutover.report.fields import Json, listing, mapping, mappings, number, string
from pytest_cutover.report.items import (
    OUTCOMES,
    CriterionView,
    HazardView,
    TableView,
    read_criterion,
    read_hazard,
    read_table,
)
from pytest_cutover.report.trends import Trend, read_trends


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
    def without_the_migration(self) -> str:
        """How many criteria prove something about the migration, in words; empty where that was never asked."""
        held = sum(one.held_before is True for one in self.criteria)
        missing = sum(one.held_before is False for one in self.criteria)
        if not held + missing:
            return ""
        rest = len(self.criteria) - self.counts["not_applicable"] - held - missing
        return (
            f"Without the migration {missing:,} of these would not hold and {held:,} would hold as well"
            + (f"; of {rest:,} it was not asked." if rest > 0 else ".")
        )  # fmt: skip

    @cached_property
    def counts(self) -> dict[str, int]:
        """How many criteria have each outcome."""
        return {outcome: len(self.of(outcome)) for outcome in OUTCOMES}

    def part(self, key: str) -> Json:
        """A table of the result, empty where it is missing."""
        return mapping(self.data, key)

    def parts(self, key: str) -> list[Json]:
        """A list of tables of the result, empty where it is missing."""
        return mappings(self.data, key)

    @property
    def shown_of_rows(self) -> str:
        """What the plan lets this report show of rows, in words; empty where the result does not say."""
        report = self.part("report")
        masked = ", ".join(text.one_line(each) for each in listing(report, "mask"))
        shown = words.EVIDENCE.get(string(report, "evidence"), string(report, "evidence"))
        return shown + (f"; masked: {masked}" if masked else "")

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

    @cached_property
    def hazards(self) -> list[HazardView]:
        """What in the migration hurts a busy database, the largest table first."""
        found = [read_hazard(each) for each in mappings(self.part("hazards"), "found")]
        return sorted(found, key=lambda each: -each.bytes)

    @cached_property
    def warning_hazards(self) -> list[HazardView]:
        """Those that nobody has waived and that are no criteria."""
        if self.part("hazards").get("fail"):
            return []
        return [each for each in self.hazards if not each.waived]

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

    @cached_property
    def trends(self) -> tuple[Trend, ...]:
        """The figures of a monitor by day."""
        return read_trends(self.parts("history"))

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

    @property
    def backup_age(self) -> str:
        """How old the backups are, in words: of several the oldest, and how many are of unknown age."""
        ages = [plan.part("backup").get("age") for plan in self.plans if plan.part("backup")]
        known = [age for age in ages if isinstance(age, (int, float))]
        if len(ages) == 1:
            return f"{text.age(ages[0])} old" if known else text.age(ages[0]) or "age unknown"
        oldest = f"the oldest {text.age(max(known))} old" if known else ""
        unknown = f"{len(ages) - len(known)} of unknown age" if len(known) < len(ages) else ""
        return ", ".join(part for part in (oldest, unknown) if part)


def _weakening(data: Json) -> str:
    plan, what, subject, before, after = (string(data, key) for key in ("plan", "what", "subject", "before", "after"))
    sentence = ": ".join(part for part in (plan, what, subject) if part)
    if before and after:
        return f"{sentence}: {before} → {after}"
    return f"{sentence}, was: {before}" if before else f"{sentence}, now: {after}" if after else sentence


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
    criteria = tuple(read_criterion(one, name, anchors) for one in mappings(data, "criteria"))
    changes = mapping(data, "changes")
    tables = tuple(read_table(table, mapping(changes, table)) for table in sorted(changes))
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
