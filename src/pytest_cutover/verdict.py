"""From what was found to GO, NO-GO or INCOMPLETE. Nothing here knows how it was found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from pytest_cutover.plan.model import Waiver

GO, NO_GO, INCOMPLETE = "GO", "NO-GO", "INCOMPLETE"
EXIT_STATUS = {GO: 0, NO_GO: 1, INCOMPLETE: 10, None: 0}
"""Of each verdict; None where there was nothing to judge."""

PASSED, FAILED, WAIVED = "passed", "failed", "waived"
NOT_CHECKED, NOT_APPLICABLE = "not_checked", "not_applicable"
# What to believe where one criterion was checked more than once: the worst.
_WORST_FIRST = (FAILED, NOT_CHECKED, WAIVED, PASSED, NOT_APPLICABLE)


@dataclass(frozen=True)
class Record:
    """What became of one criterion of one plan. `reason` says why it was not checked."""

    id: str
    kind: str
    outcome: str
    phase: str = "rehearsal"
    before: str = ""
    expected: str = ""
    actual: str = ""
    message: str = ""
    reason: str = ""
    evidence: tuple[dict[str, Any], ...] = ()
    seconds: float = 0.0
    nodeid: str = ""
    why: str = ""
    source: str = ""
    held_before: bool | None = None


@dataclass(frozen=True)
class WaiverUse:
    """A waiver and what it did: `used` is true where it turned a failure into a waived one, else `note` says why not."""

    waiver: Waiver
    used: bool
    note: str = ""


@dataclass(frozen=True)
class PlanVerdict:
    """The verdict on one plan, its reason in one sentence, the records behind it, worst of each criterion."""

    verdict: str
    reason: str
    records: tuple[Record, ...]
    waivers: tuple[WaiverUse, ...] = field(default=())


def judge(expected: Sequence[Record], found: Iterable[Record], waivers: Sequence[Waiver], today: date) -> PlanVerdict:
    """The verdict on a plan.

    `expected` holds one not-checked record for each criterion of the plan, in order: what counts if nothing else is
    known of it. `found` holds what checking gave, in any order; records of criteria that are not expected count too.
    """
    chosen: dict[str, Record] = {}
    for record in found:
        known = chosen.get(record.id)
        if known is None or _WORST_FIRST.index(record.outcome) < _WORST_FIRST.index(known.outcome):
            chosen[record.id] = record
    defaults = {record.id: record for record in expected}
    records = [chosen.get(name) or defaults[name] for name in dict.fromkeys([*defaults, *chosen])]
    records, uses = apply_waivers(waivers, records, today)
    verdict, reason = _decide(records)
    return PlanVerdict(verdict, reason, tuple(records), tuple(uses))


def overall(verdicts: Sequence[str]) -> str:
    """The worst of the plans' verdicts; without any plan there is nothing to go on: INCOMPLETE."""
    if NO_GO in verdicts:
        return NO_GO
    if not verdicts or any(verdict != GO for verdict in verdicts):
        return INCOMPLETE
    return GO


def apply_waivers(
    waivers: Sequence[Waiver], records: Sequence[Record], today: date
) -> tuple[list[Record], list[WaiverUse]]:
    """The records, those waived that a waiver accepts as they are, and what became of each waiver."""
    result = list(records)
    uses = []
    for waiver in waivers:
        position = next((i for i, record in enumerate(result) if record.id == waiver.criterion), None)
        record = result[position] if position is not None else None
        if record is None or position is None or record.outcome != FAILED:
            outcome = record.outcome.replace("_", " ") if record is not None else "unknown"
            uses.append(WaiverUse(waiver, False, f"not needed: the criterion is {outcome}"))
        elif waiver.criterion == "applies":
            uses.append(WaiverUse(waiver, False, '"applies" cannot be waived'))
        elif today > waiver.until:
            uses.append(WaiverUse(waiver, False, f"expired on {waiver.until}"))
        elif record.actual != waiver.accepts:
            uses.append(WaiverUse(waiver, False, f"accepts «{waiver.accepts}», found «{record.actual}»"))
        else:
            result[position] = replace(record, outcome=WAIVED)
            uses.append(WaiverUse(waiver, True))
    return result, uses


def _decide(records: Sequence[Record]) -> tuple[str, str]:
    failed = [record for record in records if record.outcome == FAILED]
    unchecked = [record for record in records if record.outcome == NOT_CHECKED]
    passed = [record for record in records if record.outcome == PASSED]
    waived = [record for record in records if record.outcome == WAIVED]
    if failed:
        more = f" ({len(failed)} criteria failed in all)" if len(failed) > 1 else ""
        return NO_GO, f"{failed[0].id}: {failed[0].message}{more}"
    if unchecked:
        return INCOMPLETE, (
            f"{len(unchecked)} of {len(records)} criteria were not checked; {unchecked[0].id}: {unchecked[0].reason}"
        )
    if not passed and not waived:
        return INCOMPLETE, "no criterion was checked"
    if waived:
        holding = "criterion holds" if len(passed) == 1 else "criteria hold"
        return GO, f"{len(passed)} {holding}, {len(waived)} waived: {', '.join(record.id for record in waived)}"
    return GO, f"all {len(passed)} criteria hold" if len(passed) > 1 else "the only criterion holds"
