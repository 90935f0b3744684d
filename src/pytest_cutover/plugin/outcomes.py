"""From pytest's reports to records: what each item's outcome says of its criterion."""

from __future__ import annotations

import re
from typing import Any

import psycopg
import pytest

from pytest_cutover.criteria.checking import no_answer
from pytest_cutover.errors import NoBaseline, NotApplicable, NotChecked, QueryError, describe_error
from pytest_cutover.finding import Evidence, Finding
from pytest_cutover.plan.model import Plan, Report
from pytest_cutover.plugin.claims import Claim
from pytest_cutover.report.evidence import show_evidence, tell_finding
from pytest_cutover.report.text import clean, shorten
from pytest_cutover.verdict import FAILED, NOT_APPLICABLE, NOT_CHECKED, PASSED, Record

_PROPERTIES = ("kind", "outcome", "before", "expected", "actual", "reason", "why", "source")
_LONGEST_PROPERTY = 2_000
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
PAYLOAD = "cutover"
"""The attribute under which a report carries what a worker knows to the controller."""


def shape_report(
    report: pytest.TestReport, call: pytest.CallInfo[Any], claim: Claim, plans: dict[str, Plan]
) -> str | None:
    """Makes the report of an item with a criterion plain to read; returns "not applicable" or None.

    A finding that does not hold replaces the traceback; what cannot be checked is a skip with the reason.
    """
    error = call.excinfo.value if call.excinfo is not None else None
    if isinstance(error, (NotChecked, NotApplicable)):
        path, line, _ = report.location
        report.outcome = "skipped"
        report.longrepr = (path, line or 0, f"Skipped: {error}")
        # What the team compares beyond the criteria was compared in the rehearsal: a live run has no rows of before.
        of_before = isinstance(error, NoBaseline) and claim.criterion is None
        return NOT_APPLICABLE if isinstance(error, NotApplicable) or of_before else None
    undecided = _undecided(error)
    if undecided:
        path, line, _ = report.location
        report.outcome = "skipped"
        report.longrepr = (path, line or 0, f"Skipped: {undecided}")
        return None
    bad = [finding for finding in claim.findings if not finding.holds]
    if report.failed and bad and isinstance(error, AssertionError):
        plan = plans.get(claim.plan or "")
        report.longrepr = tell_finding(bad[0], plan.file.report if plan is not None else Report())
    return None


def make_harmless(report: pytest.TestReport) -> None:
    """Takes out of the report's texts what acts on a screen: they may hold names, values and errors of a database."""
    if isinstance(report.longrepr, tuple):
        path, line, reason = report.longrepr
        report.longrepr = (path, line, shorten(clean(reason), _LONGEST_PROPERTY))
    elif report.longrepr is not None:
        told = str(report.longrepr)
        if clean(told) != told:
            report.longrepr = clean(told)
    report.sections = [(name, clean(_COLOUR.sub("", content))) for name, content in report.sections]


def _undecided(error: BaseException | None) -> str:
    """Why a database that refused to answer a check decides nothing; empty where the error is another one."""
    refusal = getattr(error, "orig", None) or error  # SQLAlchemy's errors hold the driver's
    if isinstance(refusal, psycopg.Error):
        return no_answer(refusal.sqlstate or "", describe_error(refusal))
    return no_answer(refusal.sqlstate or "", str(refusal)) if isinstance(refusal, QueryError) else ""


def record_of(
    report: pytest.TestReport, claim: Claim, plans: dict[str, Plan], not_applicable: bool
) -> dict[str, Any] | None:
    """The record of this report as plain data, None where the report decides nothing."""
    if report.when != "call" and report.passed:
        return None
    finding = next((each for each in claim.findings if not each.holds), None) or (
        claim.findings[-1] if claim.findings else None
    )
    outcome, reason = _outcome(report, claim, finding)
    if not_applicable:
        outcome = NOT_APPLICABLE
    message = finding.message if finding is not None else ""
    if outcome == FAILED and (finding is None or finding.holds):
        message = _last_line(report)
        finding = Finding(False, message)
    criterion = claim.criterion
    return {
        "id": claim.id,
        "kind": claim.kind,
        "outcome": outcome,
        "before": finding.before if finding is not None else "",
        "expected": finding.expected if finding is not None else "",
        "actual": finding.actual if finding is not None else "",
        "message": message,
        "reason": reason,
        "evidence": _shown(finding.evidence if finding is not None else (), plans.get(claim.plan or "")),
        "seconds": report.duration,
        "nodeid": report.nodeid,
        "why": (criterion.why if criterion else None) or "",
        "source": (criterion.source if criterion else None) or "",
        "held_before": finding.held_before if finding is not None else None,
    }


def _outcome(report: pytest.TestReport, claim: Claim, finding: Finding | None) -> tuple[str, str]:
    if report.when != "call":
        if report.skipped:
            return NOT_CHECKED, _skip_reason(report)
        return NOT_CHECKED, f"its {report.when} failed: {_last_line(report)}"
    if hasattr(report, "wasxfail"):
        return NOT_CHECKED, f"marked as an expected failure: {report.wasxfail or 'no reason given'}"
    if report.skipped:
        return NOT_CHECKED, _skip_reason(report)
    if not report.passed or (finding is not None and not finding.holds):
        return FAILED, ""
    if claim.needs_finding and finding is None:
        return NOT_CHECKED, "the check passed without asking the engine for a finding"
    return PASSED, ""


def _skip_reason(report: pytest.TestReport) -> str:
    longrepr = report.longrepr
    text = longrepr[2] if isinstance(longrepr, tuple) else str(longrepr)
    return text.removeprefix("Skipped: ") or "skipped without a reason"


def _last_line(report: pytest.TestReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    text = crash.message if crash is not None else str(report.longrepr or "")
    return next((line.strip() for line in text.splitlines() if line.strip()), "failed without a message")


def _shown(evidence: tuple[Evidence, ...], plan: Plan | None) -> list[dict[str, Any]]:
    return [show_evidence(each, plan.file.report) for each in evidence] if plan is not None else []


def properties(plan: str | None, record: dict[str, Any]) -> list[tuple[str, object]]:
    """What of a record stands in the file of --junitxml, as name and value; nothing that a reader of XML refuses."""
    known = {"plan": plan, "criterion": record["id"]} | {name: record[name] for name in _PROPERTIES}
    return [(name, shorten(clean(value), _LONGEST_PROPERTY)) for name, value in known.items() if value]


def to_record(data: dict[str, Any]) -> Record:
    """The record that a report carried."""
    return Record(**{**data, "evidence": tuple(data["evidence"])})
