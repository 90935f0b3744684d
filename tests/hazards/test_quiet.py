"""What only looks like a hazard is not found."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_cutover.hazards import Hazards, Scene, find_all
from pytest_cutover.sandbox import Server
from pytest_cutover.trace import Recording
from tests.tracing import migrated

FLIGHTS = """
CREATE TABLE flights (id serial PRIMARY KEY, callsign text, minutes int);
INSERT INTO flights (callsign, minutes) SELECT 'F' || g, g FROM generate_series(1, 1000) AS g;
CREATE TABLE airlines (id int PRIMARY KEY CHECK (id > 0), parent int REFERENCES airlines);
CREATE INDEX by_parent ON airlines (parent);
CREATE POLICY own ON airlines USING (parent = 1);
CREATE TABLE legs (id int PRIMARY KEY, flight int);
INSERT INTO legs SELECT id, id FROM flights;
CREATE INDEX by_flight ON legs (flight);
CREATE MATERIALIZED VIEW totals AS SELECT count(*) FROM flights;
"""
CAREFUL = {
    "constant_default": "ALTER TABLE flights ADD COLUMN seats int DEFAULT 180;",
    "same_storage": "ALTER TABLE flights ALTER COLUMN callsign TYPE varchar;\nANALYZE flights;",
    "proven_not_null": "ALTER TABLE flights ADD CONSTRAINT n CHECK (minutes IS NOT NULL) NOT VALID;\n"
    "ALTER TABLE flights VALIDATE CONSTRAINT n;\nALTER TABLE flights ALTER COLUMN minutes SET NOT NULL;",
    "empty_table": "ALTER TABLE airlines ALTER COLUMN id TYPE bigint;\nCREATE INDEX ON airlines (id);",
    "new_table": "CREATE TABLE pilots (id int PRIMARY KEY, flight int REFERENCES flights);\nCREATE INDEX ON pilots (flight);",
    "refilled": "TRUNCATE airlines;\nINSERT INTO airlines VALUES (1);\nANALYZE airlines;",
    "using_index": "RESET lock_timeout;\nCREATE UNIQUE INDEX CONCURRENTLY u ON legs (id);\nSET lock_timeout = '2s';\n"
    "ALTER TABLE legs ADD CONSTRAINT u UNIQUE USING INDEX u;",
    "reindexed": "RESET lock_timeout;\nREINDEX TABLE CONCURRENTLY flights;",
    "vacuumed": "VACUUM ANALYZE flights;",
    "rows": "INSERT INTO flights (callsign) SELECT 'G' || g FROM generate_series(1, 10) AS g;\nDELETE FROM flights WHERE id > 1005;",
    "locked": "BEGIN;\nLOCK TABLE flights IN SHARE MODE;\nUPDATE flights SET minutes = 1;\nCOMMIT;",
    "dropped": "DROP MATERIALIZED VIEW totals;\nDROP TABLE airlines CASCADE;\nALTER TABLE legs DROP COLUMN flight;",
}


@pytest.fixture(scope="module")
def hazards(traced_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hazards]:
    """All that is found in one migration of all of them, each in a schema of its own."""
    before = "".join(f"CREATE SCHEMA {name};\nSET search_path = {name};\n{FLIGHTS}\n" for name in CAREFUL)
    steps = [
        f"RESET ALL;\nSET search_path = {name};\nSET lock_timeout = '2s';\n{text}\n" for name, text in CAREFUL.items()
    ]
    with migrated(traced_server, tmp_path_factory.mktemp("careful"), before, "".join(steps)) as done:
        assert done.run.ok, done.run.failed_step
        yield find_all(done.scene())


@pytest.mark.parametrize("name", CAREFUL)
def test_a_careful_migration_has_none(name: str, hazards: Hazards) -> None:
    """A warning that is wrong once is not read the next time."""
    assert [each for each in hazards.found if f"{name}." in each.object] == []
    assert hazards.unknown == {}
    assert "superuser-only" in hazards.proved


def test_without_a_trace_only_what_is_left_is_told(traced_server: Server, tmp_path: Path) -> None:
    """What was not looked for is said, with the reason."""
    text = "ALTER TABLE flights ALTER COLUMN minutes TYPE bigint;"
    with migrated(traced_server, tmp_path, FLIGHTS, text) as done:
        found = find_all(Scene(done.before, done.after, Recording(missing="no log")))

    assert [each.id for each in found.found] == ["missing-statistics"]
    assert found.unknown["table-rewrite"] == "no log"
    assert "fk-without-index" not in found.unknown
    assert found.unknown["superuser-only"] == "the migration was not run as an ordinary owner of the database"
    assert found.proved == {}
