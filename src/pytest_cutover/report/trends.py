"""A monitor's figures as tables: a statement, table or index on each row, a day in each column."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pytest_cutover.report import text
from pytest_cutover.report.fields import Json, mapping, mappings, number, string

DAYS = 8
"""So many days are shown beside each other, the latest on the right."""
ROWS = 10
"""So many statements and tables are shown."""


@dataclass(frozen=True)
class Trend:
    """One table: what it shows, what its rows are, the days, and for each row a value of each day, empty where unknown."""

    title: str
    of: str
    days: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]


def read_trends(history: Sequence[Json]) -> tuple[Trend, ...]:
    """The tables that the history of a result has figures for; its days are the latest first."""
    days = [entry for entry in history if mapping(entry, "figures")][:DAYS][::-1]
    return tuple(trend for one in _TABLES if (trend := _trend(days, *one)).rows)


def _trend(
    days: Sequence[Json], title: str, of: str, part: str, show: Callable[[Json], str], weight: Callable[[Json], float]
) -> Trend:  # fmt: skip
    """The rows by their weight on the latest day that has them, the heaviest first."""
    values: dict[str, dict[str, str]] = {}
    weights: dict[str, float] = {}
    names: dict[str, str] = {}
    for entry in days:
        for each in mappings(mapping(entry, "figures"), part):
            name = string(each, "name") or string(each, "statement")
            key = string(each, "id") or name
            shown = show(each)
            if shown:
                names[key], weights[key] = name, weight(each)
                values.setdefault(key, {})[string(entry, "day")] = shown
    order = sorted(values, key=lambda key: (-weights[key], names[key]))[:ROWS]
    columns = tuple(string(entry, "day") for entry in days)
    return Trend(
        title, of, columns, tuple((names[key], tuple(values[key].get(day, "") for day in columns)) for key in order)
    )


def _statement(each: Json) -> str:
    calls, mean = number(each, "calls"), number(each, "mean_ms")
    if not calls or mean is None:
        return "not called" if calls is not None else ""
    shown = f"{mean:.1f} ms" if mean < 10 else text.duration(mean / 1000)
    return f"{shown} × {text.count(int(calls))}"


def _busy(each: Json) -> float:
    return (number(each, "calls") or 0) * (number(each, "mean_ms") or 0)


def _counter(key: str) -> Callable[[Json], str]:
    def show(each: Json) -> str:
        value = number(each, key)
        return text.count(int(value)) if value is not None else ""

    return show


def _of(key: str) -> Callable[[Json], float]:
    return lambda each: number(each, key) or 0


_TABLES = (
    ("Statements: mean time × calls since the day before", "Statement", "statements", _statement, _busy),
    ("Scans of the indexes that the migration added, since the day before", "Index", "indexes", _counter("scans"), _of("scans")),
    ("Size of these indexes", "Index", "indexes", lambda each: text.size(number(each, "bytes")), _of("bytes")),
    ("Size of tables with their indexes", "Table", "tables", lambda each: text.size(number(each, "bytes")), _of("bytes")),
    ("Rows read by sequential scans since the day before", "Table", "tables", _counter("seq_rows"), _of("seq_rows")),
    ("Orphans below foreign keys that are not enforced", "Foreign key", "orphans", _counter("rows"), _of("rows")),
)  # fmt: skip
