"""Results as a run writes them, made in code: one for each thing that can come out."""

from __future__ import annotations

import copy
from typing import Any

from tests.report.pieces import Result, change, criterion, rows, run, stages, step
from tests.report.vatsim import vatsim, vatsim_criteria


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
