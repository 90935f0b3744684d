"""What of the rows behind a finding may leave the process: keys by default, masked columns never."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

from pytest_cutover.finding import Evidence
from pytest_cutover.plan.model import Report

MASK = "•••"
_LONGEST_VALUE = 200


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


def _masked(column: str, patterns: list[str]) -> bool:
    """True where a pattern's last part fits the column: evidence does not always come from one table."""
    return any(fnmatchcase(column.lower(), pattern.rpartition(".")[2].lower()) for pattern in patterns)


def _text(value: Any) -> str:
    text = "NULL" if value is None else str(value)
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"
