"""Runs against a live database: before go-live, after production, and from then on."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

from pytest_cutover.target import Target
from tests.live.conftest import LIVE_PLAN, Live
from tests.project import MIGRATION


def test_a_production_migrated_as_rehearsed_is_a_go(migrated: Live) -> None:
    """The same criteria hold on production, compared with the rehearsal and with the baseline."""
    assert migrated.run("--db-url=production") == 0, migrated.project.output

    result = migrated.project.result
    assert result["mode"] == "live"
    assert migrated.outcomes == dict.fromkeys(
        ("schema_as_rehearsed", "only_declared_changes", "weights", "filled", "as-many"), "passed"
    )
    assert {each["phase"] for each in result["plans"][0]["criteria"]} == {"after"}
    assert [stage["name"] for stage in result["plans"][0]["stages"]] == ["baseline", "verify"]
    assert result["plans"][0]["target"]["kind"] == "production"
    assert "live, read-only, phase after" in migrated.project.output
    assert "GO" in (migrated.project.root / "reports" / "report.html").read_text(encoding="utf-8")


def test_what_only_a_rehearsal_can_do_is_left_out(migrated: Live) -> None:
    """Statements that write, a second run and ways back have no place on a live database, and keep no GO away."""
    migrated.run("--db-url=production")

    assert not {"takes-a-parcel", "applies", "idempotent", "restores_baseline:manual"} & set(migrated.outcomes)


def test_a_plan_that_changed_since_its_rehearsal_is_said(migrated: Live) -> None:
    """A criterion that only a rehearsal can prove is new, and nobody has proved it."""
    plan = migrated.project.root / "migrations/first/plan.toml"
    new = '[[criteria]]\nid = "takes-none"\nkind = "rejects"\nsql = "INSERT INTO parcels DEFAULT VALUES"\nsqlstate = "23502"\n'
    assert migrated.run("--db-url=production") == 0, migrated.project.output
    assert "The plan is not what it was" not in str(migrated.project.result["plans"][0]["notes"])

    plan.write_text(plan.read_text() + new)
    migrated.run("--db-url=production")

    assert "The plan is not what it was in the rehearsal of" in str(migrated.project.result["plans"][0]["notes"])


def test_the_phase_before_saves_a_baseline_without_row_values(live: Live) -> None:
    """Ahead of the migration the schema must be the rehearsed one; its state is kept in a file."""
    assert live.run("--db-url=production", "--phase=before") == 0, live.project.output

    text = (live.project.root / "reports/baselines/first.production.json").read_text(encoding="utf-8")
    assert live.outcomes == {"schema_as_rehearsed": "passed", "preflight:backup": "not_applicable"} | dict.fromkeys(
        (f"preflight:{each}" for each in ("transactions", "replication", "indexes", "connections")), "passed"
    )
    assert json.loads(text)["rows"] == {"labels": 0, "parcels": 2}
    assert "secret" not in text and "letter" not in text
    assert "Saved the baseline first.production.json" in live.project.output


def test_a_forgotten_transaction_stops_the_migration_before_it_begins(live: Live) -> None:
    """A migration that waits for a lock makes everybody wait behind it."""
    with live.target.connect(autocommit=False, name="till") as other:
        other.execute("UPDATE parcels SET size = 'typed-in' WHERE id = 1")
        time.sleep(1)
        assert live.run("--db-url=production", "--phase=before") == 1, live.project.output
        other.rollback()

    assert live.found("preflight:transactions")["actual"] == "1 transaction holds a lock on parcels"
    assert "typed-in" not in live.project.output + json.dumps(live.project.result)


def test_the_monitor_writes_figures_down_and_shows_them_by_day(migrated: Live) -> None:
    """The server has no pg_stat_statements, which is said; nobody asked for it."""
    assert migrated.run("--db-url=production", "--phase=monitor") == 0, migrated.project.output

    for question in ("locks", "indexes", "orphans"):
        assert migrated.outcomes[f"health:{question}"] == "passed"
    plan = migrated.project.result["plans"][0]
    assert plan["history"][0]["figures"]["tables"][0]["name"] == "parcels"
    assert "CREATE EXTENSION pg_stat_statements" in str(plan["notes"])
    assert "Size of tables with their indexes" in (migrated.project.root / "reports/report.html").read_text("utf-8")


def test_without_a_baseline_what_needs_one_is_not_checked(live: Live) -> None:
    """A comparison with nothing is no comparison."""
    live.execute("ALTER TABLE parcels ADD COLUMN weight_g integer; UPDATE parcels SET weight_g = 50;")

    assert live.run("--db-url=production") == 10, live.project.output

    assert live.outcomes["as-many"] == "not_checked"
    assert "run with --phase=before ahead of the migration" in live.found("as-many")["reason"]
    assert live.outcomes["filled"] == "passed"
    assert "There is no baseline first.production.json" in str(live.project.result["plans"][0]["notes"])


@pytest.mark.parametrize(
    ("key", "told"), [("plan", "the plan other"), ("target", "the target other"), ("identity", "another database")]
)
def test_a_baseline_of_something_else_is_none(migrated: Live, key: str, told: str) -> None:
    """A staging database with as many rows says nothing of production."""
    path = migrated.project.root / "reports/baselines/first.production.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(content | {key: "other"}), encoding="utf-8")

    assert migrated.run("--db-url=production") == 10, migrated.project.output
    assert migrated.outcomes["only_declared_changes"] == migrated.outcomes["as-many"] == "not_checked"
    assert f"first.production.json is one of {told}" in migrated.found("only_declared_changes")["reason"]


def test_the_baseline_is_of_the_database_and_not_of_its_name(live: Live, new_database: Callable[..., Target]) -> None:
    """The variable led to production once, and to a copy of it afterwards."""
    assert live.run("--db-url=production", "--phase=before") == 0, live.project.output
    live.execute(MIGRATION)
    copy = new_database(template=live.target)

    assert live.run("--db-url=production") == 0, live.project.output
    assert live.run("--db-url=production", url=copy.url) == 10, live.project.output
    assert "one of another database" in live.found("only_declared_changes")["reason"]


def test_without_a_rehearsal_the_schema_is_not_checked(migrated: Live) -> None:
    """Nobody can say that a schema is as rehearsed where nothing was."""
    for name in ("result.json", "rehearsed.json"):
        (migrated.project.root / "reports" / name).unlink()

    assert migrated.run("--db-url=production") == 10, migrated.project.output
    assert "holds no rehearsal of first" in migrated.found("schema_as_rehearsed")["reason"]


def test_a_rehearsal_that_was_no_go_lets_nobody_go(live: Live) -> None:
    """Its rollback does not work: a live GO ahead of the migration would be a wrong one."""
    live.project.write("migrations/first/rollback.sql", "SELECT 1;")
    assert live.run() == 1, live.project.output

    assert live.run("--db-url=production", "--phase=before") == 10, live.project.output
    assert "was NO-GO: only a GO is compared with" in live.found("schema_as_rehearsed")["reason"]


def test_a_rehearsal_of_another_migration_is_none(migrated: Live) -> None:
    """A file of the migration that was changed since makes the rehearsal another one's."""
    migrated.project.write("migrations/first/01.sql", "SELECT 1;")

    assert migrated.run("--db-url=production") == 10, migrated.project.output
    assert "not the one that was rehearsed" in migrated.found("schema_as_rehearsed")["reason"]


def test_every_drift_is_named(migrated: Live) -> None:
    """A dropped index, a column too many, a changed policy and a disabled trigger are all named in one run."""
    migrated.execute(
        "DROP INDEX labels_by_parcel; ALTER TABLE parcels ADD COLUMN extra int;"
        "ALTER POLICY printed_only ON labels USING (true); ALTER TABLE labels DISABLE TRIGGER stamped;"
    )

    assert migrated.run("--db-url=production") == 1, migrated.project.output

    found = migrated.found("schema_as_rehearsed")
    told = {name: what for name, what in found["evidence"][0]["rows"]}
    assert all(f"{name} {what}" in found["actual"] for name, what in told.items())
    assert set(told) == {
        "index:labels_by_parcel", "column:parcels.extra", "policy:labels.printed_only", "trigger:labels.stamped",
    }  # fmt: skip
    assert told["index:labels_by_parcel"] == "is missing in the live database"
    assert told["column:parcels.extra"] == "is only in the live database"
    assert told["policy:labels.printed_only"] == "differs: USING printed → true"
    assert "disabled" in told["trigger:labels.stamped"]
    assert all(name in migrated.project.output for name in told)


def test_what_is_missing_or_weaker_is_named_as_well(migrated: Live) -> None:
    """A column that is gone, one that may be NULL, a policy and an index that nobody rehearsed."""
    migrated.execute(
        "CREATE INDEX by_size ON parcels (size); ALTER TABLE parcels DROP COLUMN note;"
        "ALTER TABLE parcels ALTER COLUMN size DROP NOT NULL; CREATE POLICY all_of_it ON parcels USING (true);"
    )

    assert migrated.run("--db-url=production") == 1, migrated.project.output

    told = {name for name, _ in migrated.found("schema_as_rehearsed")["evidence"][0]["rows"]}
    assert told >= {"index:by_size", "column:parcels.note", "column:parcels.size", "policy:parcels.all_of_it"}


def test_rows_may_grow_only_where_the_plan_says_so(migrated: Live) -> None:
    """A row that the plan does not declare is a failure against the baseline."""
    migrated.execute("INSERT INTO parcels (id, size, weight_g) VALUES (3, 'x', 1);")

    assert migrated.run("--db-url=production") == 1, migrated.project.output
    assert "parcels has 3 rows, and had 2 in the baseline" in migrated.found("only_declared_changes")["message"]
    assert migrated.found("as-many")["message"] == "parcels has 3 rows, one more than before"


def test_a_sequence_that_is_used_is_no_change(live: Live) -> None:
    """People go on working: what draws numbers from a sequence moves it on."""
    live.execute("CREATE SEQUENCE tickets")
    live.run("--db-url=production", "--phase=before")
    live.execute(MIGRATION + "SELECT nextval('tickets'), nextval('tickets');")

    live.run("--db-url=production")
    assert live.found("only_declared_changes")["outcome"] == "passed", live.project.output


def test_workers_change_nothing(migrated: Live) -> None:
    """Under xdist the verdict is the same."""
    assert migrated.run("--db-url=production", "-n", "2") == 0, migrated.project.output


def test_a_later_live_run_still_knows_the_rehearsal(migrated: Live) -> None:
    """The result of a live run takes the place of the rehearsal's, which is kept beside it."""
    assert migrated.run("--db-url=production") == 0, migrated.project.output
    assert migrated.run("--db-url=production", "--phase=monitor") == 0, migrated.project.output
    assert migrated.outcomes["schema_as_rehearsed"] == "passed"
    assert [each["verdict"] for each in migrated.project.result["plans"][0]["history"]] == ["GO"]
    assert "What the monitor found" in (migrated.project.root / "reports/report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--phase=after",), "--phase is for a live run: add --db-url"),
        (("--db-url=production", "--sandbox=embedded"), "--sandbox is for a rehearsal"),
        (("--db-url=production", "--backup=x.sql"), "--backup is for a rehearsal"),
        (("--db-url=prodution",), "Targets: production, staging. Did you mean"),
        (("--db-url=staging",), "is read from ${STAGING_URL}, which is not set"),
        (("--db-url=production", "--rehearsal=nowhere.json"), "there is no such file"),
        (("--db-url=sqlite:///x.db",), "is for PostgreSQL, and this is a SQLite file"),
        (("--db-url=mysql://u:open-sesame-7@h/d",), "is not a PostgreSQL URL"),
    ],
)
def test_a_wrong_option_is_a_usage_error_before_anything_starts(
    live: Live, arguments: tuple[str, ...], message: str
) -> None:
    assert live.run(*arguments) == 4, live.project.output
    assert message in live.project.output
    assert "open-sesame-7" not in live.project.output


def test_a_url_needs_one_plan(live: Live) -> None:
    """Which plan a URL is for must be clear."""
    live.project.plan("second", LIVE_PLAN)

    assert live.run(f"--db-url={live.url}") == 4
    assert "add --plan NAME" in live.project.output
    assert live.run(f"--db-url={live.url}", "--plan=second", "--phase=before") == 10
    assert live.target.password not in live.project.output
    assert live.target.password not in json.dumps(live.project.result)


def test_a_plan_without_the_target_is_listed_and_the_others_run(migrated: Live) -> None:
    """Silence on a plan would be taken for a go."""
    migrated.project.plan("second", LIVE_PLAN.replace('production = "${PROD_URL}"\n', ""))

    assert migrated.run("--db-url=production") == 10, migrated.project.output
    verdicts = {plan["name"]: plan["verdict"] for plan in migrated.project.result["plans"]}
    assert verdicts == {"first": "GO", "second": "INCOMPLETE"}
    assert "the plan has no target production in its [targets]" in migrated.project.result["plans"][1]["reason"]
