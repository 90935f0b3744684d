"""What SQLite settles of timestamps by itself is what the reader of texts says too: never more."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from pytest_cutover.criteria.instants import Reader, matcher, may_be_long, read_utc
from pytest_cutover.sqlite.connection import SqliteTarget
from pytest_cutover.sqlite.database import SqliteDatabase
from pytest_cutover.sqlite.instants import settle
from tests.sqlite.conftest import Pair

SOURCE = {"YYYY-MM-DD HH:MM:SS": "UTC", "YYYY-MM-DDTHH:MM:SS": "+07:00"}
CLOCKS = ("2026-01-14{}02:00:00", "2026-01-14{}09:00:00", "2025-12-31{}23:59:59", "2024-02-29{}00:00:00")
DAYS_THAT_ARE_NONE = ("2026-02-30{}02:00:00", "2026-02-29{}24:00:00", "2026-13-01{}00:00:00", "0000-01-01{}00:00:00")
ENDS = ("", ".5", ".500", ".000001", ".", ".5.5", "Z", ".5Z", "z", " Z", ".5 Z", "+00:00", ".5+00:00", " +00:00")
ENDS += ("+07:00", ".5+07:00", "+0700", "-07:00", "-00:00", "+99:99", "Z\0", "\n", " ", "Z ", "ZZ", "+00:00Z")
ODD: tuple[Any, ...] = (
    None,
    "",
    "N/A",
    "fooZ",
    "08:30",
    "UTC+7",
    "now",
    20260114,
    1.5,
    b"2026-01-14T02:00:00Z",
    "+07:00",
    "Z",
)
ODD += ("2026-01-14", "2026-01-14T02:00Z", "2026-1-14T02:00:00Z", "2026-01-14TT2:00:00Z", "12026-01-14T02:00:00Z")
ODD += (
    "-026-01-14T02:00:00Z",
    "２026-01-14T02:00:00Z",
    "2026-01-14  2:00:00",
    "9999-12-31T23:59:59Z",
    "0001-01-01T00:00:00Z",
)

VALUES = [
    *(clock.format(between) + end for clock in CLOCKS[:2] for between in ("T", " ") for end in ENDS),
    *(clock.format("T") + end for clock in (*CLOCKS[2:], *DAYS_THAT_ARE_NONE) for end in ("", "Z", "+07:00")),
    *(clock.format(" ") for clock in (*CLOCKS[2:], *DAYS_THAT_ARE_NONE)),
    *ODD,
]


def _make(path: Path, declared: str, values: list[tuple[int, Any]]) -> SqliteTarget:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"CREATE TABLE events (id INTEGER PRIMARY KEY, at {declared})")
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO events VALUES (?, ?)", values)
        connection.execute("COMMIT")
    return SqliteTarget(path)


@pytest.mark.parametrize("declared", ["TEXT", "TIMESTAMP", "TEXT COLLATE NOCASE"])
@pytest.mark.parametrize("source", [SOURCE, "UTC", "-03:30", {"YYYY-MM-DD HH:MM:SS": "+07:00"}])
def test_what_is_settled_is_right(tmp_path: Path, declared: str, source: Any) -> None:
    """Every value before beside every value after: where SQLite says yes, the reader says yes."""
    reader = Reader(source)
    offsets = reader.offsets()
    assert offsets is not None
    pairs = list(enumerate(itertools.product(VALUES, VALUES)))
    before = _make(tmp_path / "before.db", declared, [(number, was) for number, (was, _) in pairs])
    after = _make(tmp_path / "after.db", declared, [(number, now) for number, (_, now) in pairs])

    found = settle(before, after, "events", ("id",), ("at",), offsets, ("HH:MM", "UTC+7"))

    assert found is not None
    left_out = matcher(("HH:MM", "UTC+7"))
    assert left_out is not None
    settled, skipped = [], 0
    for number, (was, now) in pairs:
        if (number,) in found.new:
            continue
        if isinstance(was, str) and left_out.fullmatch(was):
            assert was == now
            skipped += 1
        else:
            settled.append((was, now))
    for was, now in settled:
        if was is not None or now is not None:
            assert isinstance(was, str)
            assert read_utc(now) is not None, (was, now)
            assert reader.read(was) == read_utc(now), (was, now)
    assert found.timestamps == sum(was is not None for was, _ in settled)
    assert found.in_utc == sum(was is not None and read_utc(was) is not None for was, _ in settled)
    assert found.skipped == skipped > 0
    assert found.rows == len(pairs)
    assert found.timestamps > 20


def test_the_usual_forms_are_settled(tmp_path: Path) -> None:
    """Otherwise nothing would be gained."""
    usual = [
        ("2026-01-14 02:00:00", "2026-01-14T02:00:00Z"),
        ("2026-01-14T09:00:00", "2026-01-14T02:00:00Z"),
        ("2026-01-01T06:59:59.999999", "2025-12-31T23:59:59.999999Z"),
        ("2026-01-14T09:00:00.5+07:00", "2026-01-14T02:00:00.5+00:00"),
        ("2026-01-14T02:00:00.25Z", "2026-01-14T02:00:00.25Z"),
        (None, None),
    ]
    before = _make(tmp_path / "before.db", "TEXT", [(n, was) for n, (was, _) in enumerate(usual)])
    after = _make(tmp_path / "after.db", "TEXT", [(n, now) for n, (_, now) in enumerate(usual)])

    found = settle(before, after, "events", ("id",), ("at",), Reader(SOURCE).offsets() or {}, ())

    assert found is not None
    assert (found.rows, found.timestamps, found.in_utc, found.old, found.new) == (6, 5, 1, {}, {})


def test_rows_that_came_and_went_are_handed_back(tmp_path: Path) -> None:
    """They cannot be compared, and must not be counted as settled."""
    before = _make(tmp_path / "before.db", "TEXT", [(1, "2026-01-14 02:00:00"), (2, "2026-01-14 02:00:00")])
    after = _make(tmp_path / "after.db", "TEXT", [(2, "2026-01-14T02:00:00Z"), (3, "2026-01-14T02:00:00Z")])

    found = settle(before, after, "events", ("id",), ("at",), Reader(SOURCE).offsets() or {}, ())

    assert found is not None
    assert found.timestamps == 1
    assert found.old == {(1,): ("2026-01-14 02:00:00",)}
    assert found.new == {(3,): ("2026-01-14T02:00:00Z",)}


@pytest.mark.parametrize(
    "source",
    [
        "Asia/Bangkok",
        {"YYYY-MM-DD HH:MM:SS": "Europe/Berlin"},
        {"YYYY-MM-DD HH:MM:SS": "UTC", "DD/MM/YYYY HH:MM": "UTC"},
        {"YYYY-MM-DD HH:MM:SS": "UTC", "YYYY-DD-MM HH:MM:SS": "UTC"},
    ],
)
def test_other_zones_and_forms_are_left_to_the_reader(source: Any) -> None:
    """A clock that changes, or a form that another one may match."""
    assert Reader(source).offsets() is None


def test_a_pattern_left_out_that_may_be_a_timestamp_is_left_to_the_reader() -> None:
    """What is left out must not change, whatever instant it means."""
    assert not may_be_long("HH:MM")
    assert not may_be_long("UTC+7")
    assert may_be_long("YYYY-MM-DD HH:MM:SS")
    assert may_be_long("2026-01-01 00:00:00")


def test_the_finding_is_the_same_either_way(migrated: Callable[..., Pair], monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts, message, evidence: right and wrong rows, left-out values, NULLs, rows that came and went."""
    before = "CREATE TABLE events (id INTEGER PRIMARY KEY, at TEXT, seen TEXT);" + "".join(
        f"INSERT INTO events VALUES ({n}, '2026-01-{n:02d} 02:00:00', {seen});"
        for n, seen in enumerate(["NULL", "'08:30'", "'2026-01-01T09:00:00'", "'2026-01-01T00:00:00Z'"] * 5, 1)
    )
    migration = (
        "UPDATE events SET at = replace(at, ' ', 'T') || 'Z' WHERE id <> 7;"
        "UPDATE events SET seen = '2026-01-01T02:00:00Z' WHERE seen LIKE '%T09%' AND id <> 11;"
        "UPDATE events SET at = '2026-01-05T03:00:00Z' WHERE id = 5; DELETE FROM events WHERE id = 6;"
        "INSERT INTO events VALUES (90, '2026-01-14T02:00:00Z', '10:00'), (91, 'N/A', NULL);"
    )
    keys = {"table": "events", "columns": ["at", "seen"], "source": SOURCE, "skip": ["HH:MM"]}

    fast = migrated(before, migration).check("utc", **keys)
    monkeypatch.setattr(SqliteDatabase, "settled_instants", lambda *arguments: None)
    slow = migrated(before, migration).check("utc", **keys)

    assert not fast.holds
    assert (fast.message, fast.actual, fast.before, fast.held_before) == (
        slow.message,
        slow.actual,
        slow.before,
        slow.held_before,
    )
    assert sorted(map(repr, fast.evidence[0].rows)) == sorted(map(repr, slow.evidence[0].rows))
