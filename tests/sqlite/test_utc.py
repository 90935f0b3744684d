"""`utc`: the form, and every instant, of timestamps that SQLite keeps as texts."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pytest_cutover.errors import NotChecked
from pytest_cutover.finding import Finding
from tests.sqlite.conftest import Pair, problem

SOURCE = {"YYYY-MM-DD HH:MM:SS": "UTC", "YYYY-MM-DDTHH:MM:SS": "+07:00"}
BEFORE = """
CREATE TABLE events (id INTEGER PRIMARY KEY, at TEXT, seen TEXT);
INSERT INTO events VALUES (1, '2026-01-01 03:30:00', '08:30'), (2, '2026-01-01T03:30:00.250', 'UTC+7'),
    (3, '2026-01-01T03:30:00.125+07:00', NULL), (4, NULL, '2026-01-02 00:00:00'), (5, '2026-01-01T00:00:00Z', NULL);
"""
RIGHT = """
UPDATE events SET at = '2026-01-01T03:30:00Z' WHERE id = 1;
UPDATE events SET at = '2025-12-31T20:30:00.25+00:00' WHERE id = 2;
UPDATE events SET at = '2025-12-31T20:30:00.125Z' WHERE id = 3;
UPDATE events SET seen = '2026-01-02T00:00:00Z' WHERE id = 4;
"""


def _check(pair: Pair, **keys: object) -> Finding:
    given = {"table": "events", "columns": ["at", "seen"], "source": SOURCE, "skip": ["HH:MM", "UTC+7"]} | keys
    return pair.check("utc", **given)


def test_the_right_conversion_holds(migrated: Callable[..., Pair]) -> None:
    """Each form is read in its zone, fractions survive, NULL and what is no timestamp stay."""
    finding = _check(migrated(BEFORE, RIGHT))

    assert finding.holds, finding
    assert finding.message == (
        "all 5 timestamps of events are in UTC and mean the instant they meant; 2 values left out, unchanged"
    )
    assert (finding.before, finding.held_before) == ("1 in UTC", False)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("UPDATE events SET at = '2025-12-31T20:30:00Z' WHERE id = 1", "1 of 5 timestamps of events.at means another instant"),
        ("UPDATE events SET at = '2026-01-01T03:30:00.25Z' WHERE id = 2", "means another instant"),
        ("UPDATE events SET at = '2025-12-31T20:30:00Z' WHERE id IN (2, 3)",
         "2 of 5 timestamps of events.at mean another instant"),
        ("UPDATE events SET at = '2025-12-31T20:30:00.125+07:00' WHERE id = 3", "1 of 5 timestamps of events.at is not ISO 8601 in UTC"),
        ("UPDATE events SET at = 'fooZ' WHERE id = 1", "is not ISO 8601 in UTC"),
        ("UPDATE events SET at = '2026-02-30T03:30:00Z' WHERE id = 1", "is not ISO 8601 in UTC"),
        ("UPDATE events SET at = 1767238200 WHERE id = 1", "is not ISO 8601 in UTC"),
        ("UPDATE events SET at = NULL WHERE id = 1", "is NULL, and had a value"),
        ("UPDATE events SET at = '2026-01-01T00:00:00Z' WHERE id = 4", "has a value, and was NULL"),
        ("UPDATE events SET seen = '2026-01-01T08:30:00Z' WHERE id = 1", "timestamps of events.seen is no timestamp, and changed"),
        ("UPDATE events SET at = CASE id WHEN 1 THEN '2025-12-31T20:30:00.125Z' ELSE '2026-01-01T03:30:00Z' END "
         "WHERE id IN (1, 3)", "mean another instant"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_named(migrated: Callable[..., Pair], wrong: str, message: str) -> None:
    """A suffix is not enough: the instant counts, row by row."""
    finding = _check(migrated(BEFORE, RIGHT + wrong))

    assert not finding.holds
    assert message in finding.message
    assert finding.evidence[0].columns == ("id", "column", "what")


def test_the_values_of_rows_are_not_shown(migrated: Callable[..., Pair]) -> None:
    """The keys lead to the rows; what they hold stays in the database."""
    finding = _check(migrated(BEFORE, RIGHT + "UPDATE events SET at = '2031-05-05T00:00:00Z' WHERE id = 1"))

    assert "2031" not in str(finding)
    assert "id=1" in str(finding)


def test_an_untouched_table_fails(migrated: Callable[..., Pair]) -> None:
    """A migration that converts nothing changes no instant, and yet nothing is in UTC."""
    finding = _check(migrated(BEFORE))

    assert "4 of 5 timestamps of events.at and seen are not ISO 8601 in UTC" in finding.message


def test_what_could_not_be_read_before_is_no_proof(migrated: Callable[..., Pair]) -> None:
    """Where the baseline's instant is not known, nothing can be as it was."""
    finding = _check(migrated(BEFORE.replace("2026-01-01 03:30:00", "yesterday"), RIGHT))

    assert "1 of 5 timestamps of events.at could not be read before" in finding.message


def test_new_rows_must_be_in_utc(migrated: Callable[..., Pair]) -> None:
    """They have no instant before, but a form."""
    assert _check(migrated(BEFORE, RIGHT + "INSERT INTO events (at) VALUES ('2026-01-01T00:00:00Z')")).holds
    assert not _check(migrated(BEFORE, RIGHT + "INSERT INTO events (at) VALUES ('2026-01-01 00:00:00')")).holds


def test_without_a_key_the_instants_are_compared_as_a_whole(migrated: Callable[..., Pair]) -> None:
    """A lost instant is seen, and the finding says how it was looked for."""
    before = BEFORE.replace("id INTEGER PRIMARY KEY", "id INTEGER")

    right = _check(migrated(before, RIGHT))
    wrong = _check(migrated(before, RIGHT + "UPDATE events SET at = '2026-01-01T03:31:00Z' WHERE id = 1"))

    assert right.holds and right.message.endswith("instants compared as a whole, for want of a key")
    assert "1 of 5 timestamps of events.at means another instant" in wrong.message


def test_nothing_to_look_at_is_not_checked(migrated: Callable[..., Pair]) -> None:
    """No row, no timestamp and no column are no proof."""
    with pytest.raises(NotChecked, match="no rows"):
        _check(migrated("CREATE TABLE events (id INTEGER PRIMARY KEY, at TEXT, seen TEXT)"))
    with pytest.raises(NotChecked, match="holds no timestamp"):
        _check(
            migrated(
                "CREATE TABLE events (id INTEGER PRIMARY KEY, at TEXT, seen TEXT);"
                "INSERT INTO events VALUES (1, NULL, '08:30');"
            )
        )
    assert "no column sean" in _check(migrated(BEFORE, RIGHT), columns=["sean"]).message


def test_a_source_must_be_one() -> None:
    """A wrong zone or form is refused when the plan is read."""
    keys = {"table": "events", "columns": ["at"]}

    assert '"Mars" is no zone' in problem("utc", **keys, source="Mars")
    assert "spells no date" in problem("utc", **keys, source={"HH:MM": "UTC"})
    assert "write a zone" in problem("utc", **keys, source=7)
