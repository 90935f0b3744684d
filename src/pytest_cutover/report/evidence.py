"""What of the rows behind a finding may leave the process: keys by default, masked columns never."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

from pytest_cutover.finding import Evidence, Finding
from pytest_cutover.plan.model import Report
from pytest_cutover.report import text

MASK = "•••"
_LONGEST_VALUE = 200
_LONGEST_TEXT = 2_000
_BLOCKS = 5


def show_evidence(evidence: Evidence, report: Report) -> dict[str, Any]:
    """The evidence as the result file holds it, every value a text: {"title", "columns", "keys", "rows", "total",
    "masked", "withheld"}; the last two name the columns whose values are hidden, and the columns that are left out."""
    if report.evidence == "none":
        columns: list[str] = []
    elif report.evidence == "keys":
        columns = [column for column in evidence.columns if column in evidence.keys]
    else:
        columns = list(evidence.columns)
    positions = [evidence.columns.index(column) for column in columns]
    hidden = {column for column in columns if _masked(column, report.mask)}
    rows = [
        [
            MASK if column in hidden else _text(row[position])
            for column, position in zip(columns, positions, strict=True)
        ]
        for row in evidence.rows
    ]
    return {
        "title": evidence.title,
        "columns": columns,
        "keys": [column for column in columns if column in evidence.keys],
        "rows": rows if columns else [],
        "total": evidence.total,
        "masked": [column for column in columns if column in hidden],
        "withheld": [column for column in evidence.columns if column not in columns],
    }


def tell_finding(finding: Finding, report: Report) -> str:
    """The finding as pytest prints it: nothing that acts on a screen, and of rows their keys at most."""
    first, *others = text.shorten(text.clean(finding.message), _LONGEST_TEXT).split("\n")
    lines = [first, *(f"  | {line}" for line in others)]
    for label, value in (("before", finding.before), ("expected", finding.expected), ("actual", finding.actual)):
        if value:
            lines.append(f"  {label + ':':<9} {text.shorten(text.one_line(value), _LONGEST_TEXT)}")
    for block in finding.evidence[:_BLOCKS]:
        lines += _tell_evidence(show_evidence(block, report))
    if len(finding.evidence) > _BLOCKS:
        lines.append(f"  … and {len(finding.evidence) - _BLOCKS:,} more tables, in the report")
    return "\n".join(lines)


def _tell_evidence(shown: dict[str, Any]) -> list[str]:
    lines = [f"  {text.one_line(shown['title'])} ({shown['total']})"]
    positions = [position for position, column in enumerate(shown["columns"]) if column in shown["keys"]]
    if not positions:
        return lines
    for row in shown["rows"]:
        pairs = (f"{text.one_line(shown['columns'][at])}={text.one_line(row[at])}" for at in positions)
        lines.append("      " + ", ".join(pairs))
    more = shown["total"] - len(shown["rows"])
    return [*lines, f"      … and {more} more"] if more > 0 else lines


def _masked(column: str, patterns: list[str]) -> bool:
    """True where a pattern's last part fits the column: evidence does not always come from one table."""
    return any(fnmatchcase(column.lower(), pattern.rpartition(".")[2].lower()) for pattern in patterns)


def _text(value: Any) -> str:
    shown = "NULL" if value is None else str(value)
    return shown if len(shown) <= _LONGEST_VALUE else shown[: _LONGEST_VALUE - 1] + "…"
