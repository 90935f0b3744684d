"""`utc` on PostgreSQL: timestamps as texts, and columns that become timestamptz. SQLite's are in tests/sqlite/test_utc.py."""

from __future__ import annotations

from collections.abc import Callable

from tests.criteria.conftest import Pair

TEXTS = """
CREATE TABLE events (id int PRIMARY KEY, at text);
INSERT INTO events VALUES (1, '2026-01-01 07:00:00.25'), (2, NULL);
"""
TYPED = (
    "CREATE TABLE events (id int PRIMARY KEY, at timestamp); INSERT INTO events VALUES (1, '2026-01-01 07:00:00.25')"
)
KEYS = {"table": "events", "columns": ["at"], "source": "+07:00"}


def test_texts_are_read_in_their_zone(migrated: Callable[..., Pair]) -> None:
    """The right instant passes; the local time with a Z behind it does not."""
    right = migrated(TEXTS, "UPDATE events SET at = '2026-01-01T00:00:00.25Z' WHERE id = 1").check("utc", **KEYS)
    wrong = migrated(TEXTS, "UPDATE events SET at = '2026-01-01T07:00:00.25Z' WHERE id = 1").check("utc", **KEYS)

    assert right.holds, right
    assert "1 of 1 timestamps of events.at means another instant" in wrong.message


def test_a_column_that_gets_a_zone_keeps_its_instants(migrated: Callable[..., Pair]) -> None:
    """The type proves the form; the instant is the same only where the conversion names the zone."""
    convert = "ALTER TABLE events ALTER COLUMN at TYPE timestamptz USING at AT TIME ZONE '{}'"

    assert migrated(TYPED, convert.format("Asia/Bangkok")).check("utc", **KEYS).holds
    wrong = migrated(TYPED, convert.format("UTC")).check("utc", **KEYS)
    assert "means another instant" in wrong.message


def test_a_column_without_a_zone_is_not_in_utc(migrated: Callable[..., Pair]) -> None:
    """A timestamp without time zone says nothing of UTC."""
    finding = migrated(TYPED).check("utc", **KEYS)

    assert "1 of 1 timestamps of events.at is not ISO 8601 in UTC" in finding.message
