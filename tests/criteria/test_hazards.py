"""Hazards warn, fail where the plan says so, and are waived by name either way."""

from __future__ import annotations

from tests.project import MIGRATION, PLAN, Project

REWRITE = "ALTER TABLE parcels ADD COLUMN weight_g integer;\nALTER TABLE parcels ALTER COLUMN id TYPE bigint;\nUPDATE parcels SET weight_g = 50;\n"
ROLLBACK = "ALTER TABLE parcels DROP COLUMN weight_g;\nALTER TABLE parcels ALTER COLUMN id TYPE integer;\n"
ALTERED = PLAN.replace(
    'added = ["column:parcels.weight_g"]', 'added = ["column:parcels.weight_g"]\naltered = ["column:parcels.id"]'
).replace('steps = [{ sql = "01.sql" }]\n[[', 'rerun = "refuses"\nsteps = [{ sql = "01.sql" }]\n[[', 1)
FAIL = ALTERED.replace('rerun = "refuses"', 'rerun = "refuses"\nhazards = "fail"')


def _waiver(hazard: str, accepts: str) -> str:
    return (
        f'[[waivers]]\ncriterion = "hazards:{hazard}"\naccepts = "{accepts}"\nowner = "dba"\nuntil = 2099-01-01\n'
        'reason = "at night"\n'
    )


def test_a_hazard_warns_beside_the_verdict(project: Project) -> None:
    """The verdict says what holds; the warning, what it will cost."""
    waivers = _waiver("no-lock-timeout", "parcels") + _waiver("fk-without-index", "parcels")
    project.plan(text=ALTERED + waivers, migration=REWRITE, rollback=ROLLBACK)

    status = project.run()

    assert status == 0, project.output
    assert "Hazards: table-rewrite (parcels)" in project.output, project.output
    plan = project.result["plans"][0]
    found = {each["id"]: each for each in plan["hazards"]["found"]}
    assert found["table-rewrite"]["bytes"] > 0
    assert [found["table-rewrite"]["waived"], found["no-lock-timeout"]["waived"]] == [False, True]
    assert {held["mode"] for held in plan["locks"]["held"]} >= {"ACCESS EXCLUSIVE"}
    assert "no-lock-timeout" not in project.output
    proved = "the migration ran once more as an ordinary role that owns the database, and left the same"
    assert plan["hazards"]["proved"] == [{"id": "superuser-only", "how": proved}]
    assert [each["outcome"] for each in plan["stages"] if each["name"] == "owner"] == ["ok"]
    assert [each["used"] for each in plan["waivers"]] == [True, False]
    assert plan["waivers"][1]["note"] == "not needed: the criterion is passed"
    page = (project.root / "reports" / "report.html").read_text(encoding="utf-8")
    assert "ALTER TABLE public.parcels writes all of parcels anew" in page
    assert proved in page


def test_a_hazard_fails_the_plan_that_says_so(project: Project) -> None:
    """Each is a criterion of its own, so that one can be waived and the others fail all the same."""
    project.plan(text=FAIL + _waiver("no-lock-timeout", "parcels"), migration=REWRITE, rollback=ROLLBACK)

    status = project.run()

    assert status == 1, project.output
    assert project.outcome("hazards:table-rewrite") == "failed"
    assert project.outcome("hazards:no-lock-timeout") == "waived"
    assert project.outcome("hazards:rls-filtered-dml") == "passed"
    assert "Hazards:" not in project.output


def test_a_hazard_that_does_not_exist_cannot_be_waived(project: Project) -> None:
    """A misspelt waiver would never be used."""
    project.plan(text=FAIL + _waiver("table-rewrit", "parcels"), migration=REWRITE, rollback=ROLLBACK)

    assert project.run() == 4
    assert 'Did you mean "hazards:table-rewrite"?' in project.output


def test_what_only_a_superuser_may_is_named_with_its_place(project: Project) -> None:
    """The role is made in the first run; the run as an ordinary owner is on a server that does not have it yet."""
    made = "DO $$ BEGIN IF to_regrole('parcel_reader') IS NULL THEN CREATE ROLE parcel_reader; END IF; END $$;\n"
    text = PLAN.replace("added = [", 'added = ["role:parcel_reader", ').replace(
        "[[rollback]]", 'hazards = "fail"\n[[rollback]]'
    )
    accepted = _waiver("no-lock-timeout", "parcels")
    project.plan(text=text + accepted, migration=f"{MIGRATION}{made}COPY parcels FROM '/dev/null';\n")

    status = project.run()

    assert status == 1, project.output
    assert project.outcome("hazards:superuser-only") == "failed"
    plan = project.result["plans"][0]
    found = next(each for each in plan["criteria"] if each["id"] == "hazards:superuser-only")
    assert found["actual"] == "01.sql:5, 01.sql:6"
    assert "permission denied to create role" in found["message"]
    assert [each["id"] for each in plan["criteria"] if each["outcome"] == "failed"] == ["hazards:superuser-only"]
    assert "01.sql:5" in project.output
    assert "pytest_cutover_owner" not in (project.root / "reports" / "result.json").read_text(encoding="utf-8")
