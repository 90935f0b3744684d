"""The verdict of a whole run of pytest, and that nothing but a full proof is a GO."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from tests.project import BACKUP, MIGRATION, OWN_CHECK, PLAN, ROLLBACK, Project


def test_a_right_migration_is_a_go(project: Project) -> None:
    assert project.run() == 0, project.output

    result = project.result
    assert result["verdict"] == "GO"
    assert result["plans"][0]["backup"]["rows"] == 2
    assert {stage["outcome"] for stage in result["plans"][0]["stages"]} == {"ok"}
    assert result["plans"][0]["changes"]["parcels"]["before"] == 2
    assert [each["object"] for each in result["plans"][0]["schema_diff"]] == ["column:parcels.weight_g"]
    assert "GO" in project.output
    for name in ("report.html", "pytest.html"):
        assert "GO" in (project.root / "reports" / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("arguments", [("-n", "2"), ("-n", "2", "--dist", "each"), ("-p", "randomly")])
def test_workers_and_order_change_nothing(project: Project, arguments: tuple[str, ...]) -> None:
    project.plan("second")

    assert project.run(*arguments) == 0, project.output
    assert [plan["verdict"] for plan in project.result["plans"]] == ["GO", "GO"]


def test_a_failing_step_is_one_red_test_and_the_rest_is_not_checked(project: Project) -> None:
    project.plan(migration="ALTER TABLE parcels ADD COLUMN weight_g integer NOT NULL;")

    assert project.run() == 1, project.output

    outcomes = {each["id"]: each["outcome"] for each in project.result["plans"][0]["criteria"]}
    assert outcomes.pop("applies") == "failed"
    assert set(outcomes.values()) == {"not_checked"}
    assert "01.sql:1" in project.result["plans"][0]["reason"]
    assert "23502" in project.result["plans"][0]["reason"]


def test_an_undeclared_change_is_a_no_go(project: Project) -> None:
    project.plan(migration=MIGRATION + "UPDATE parcels SET note = 'x' WHERE id = 2;")

    assert project.run() == 1, project.output
    assert project.outcome("only_declared_changes") == "failed"


def test_a_second_run_that_differs_is_a_no_go(project: Project) -> None:
    project.plan(migration="ALTER TABLE parcels ADD COLUMN weight_g integer DEFAULT 50;")

    assert project.run() == 1, project.output
    assert project.outcome("idempotent") == "failed"


@pytest.mark.parametrize(
    ("only_where", "status"),
    [
        ("WHERE EXISTS (SELECT FROM pg_event_trigger)", 0),
        ("WHERE NOT EXISTS (SELECT FROM pg_event_trigger)", 0),
        ("", 1),
    ],
)
def test_the_time_that_watching_takes_is_not_held_against_the_migration(
    project: Project, only_where: str, status: int
) -> None:
    """Over its budget while it is traced, it is timed once more without the trace; within it, it is not."""
    project.plan(migration=f"{MIGRATION}SELECT pg_sleep(3) {only_where};")
    plan = "migrations/first/plan.toml"
    project.write(plan, (project.root / plan).read_text().replace("[migrate]", '[migrate]\nbudget = "2500ms"'))

    assert project.run() == status, project.output

    assert project.outcome("duration") == ("failed" if status else "passed")
    assert ("are those of a second run" in " ".join(project.output.split())) == ("NOT" not in only_where)


def test_a_program_that_is_quick_the_second_time_is_still_late(project: Project) -> None:
    """What it left outside of the database would make a second measurement a wrong one."""
    program = (
        "import pathlib, psycopg, os, time\n"
        "mark = pathlib.Path(__file__).with_name('done')\n"
        "time.sleep(0 if mark.exists() else 3)\n"
        "mark.touch()\n"
        "with psycopg.connect(os.environ['DATABASE_URL']) as connection:\n"
        "    connection.execute('ALTER TABLE parcels ADD COLUMN IF NOT EXISTS weight_g integer')\n"
        "    connection.execute('UPDATE parcels SET weight_g = 50 WHERE weight_g IS NULL')\n"
    )
    project.write("migrations/first/migrate.py", program)
    step = '{ command = ["{python}", "migrate.py"], env = { DATABASE_URL = "{url}" } }'
    plan = "migrations/first/plan.toml"
    text = (project.root / plan).read_text().replace('{ sql = "01.sql" }', step)
    project.write(plan, text.replace("[migrate]", '[migrate]\nbudget = "2500ms"'))

    assert project.run() == 1, project.output

    assert project.outcome("applies") == "passed", project.output
    assert project.outcome("duration") == "failed"


def test_a_rollback_that_leaves_something_is_a_no_go(project: Project) -> None:
    project.plan(rollback="ALTER TABLE parcels DROP COLUMN weight_g; ALTER TABLE parcels ALTER note SET NOT NULL;")

    assert project.run() == 1, project.output
    assert project.outcome("restores_baseline:manual") == "failed"
    assert "column:parcels.note" in project.result["plans"][0]["rollbacks"][0]["differences"][0]


def test_no_rollback_is_never_a_go(project: Project) -> None:
    start, end = PLAN.index("[[rollback]]"), PLAN.index("[changes]")
    project.plan(text=PLAN[:start] + PLAN[end:])

    assert project.run() == 10, project.output
    assert project.outcome("restores_baseline") == "not_checked"


@pytest.mark.parametrize(
    ("arguments", "unchecked"),
    [
        (("-k", "applies"), "weights"),
        (("--deselect", "verifications/test_own.py"), "weights"),
        (("verifications/test_run.py",), "weights"),
        (("--setup-plan",), "weights"),
        (("-k", "nothing_has_this_name"), "weights"),
    ],
)
def test_what_did_not_run_is_not_checked(project: Project, arguments: tuple[str, ...], unchecked: str) -> None:
    assert project.run(*arguments) == 10, project.output
    assert project.result["verdict"] == "INCOMPLETE"
    assert project.outcome(unchecked) == "not_checked"


@pytest.mark.parametrize(
    "spoilt",
    [
        OWN_CHECK.replace("import pytest\n", "import pytest\n\n", 1).replace(
            "@pytest.mark", "@pytest.mark.skip\n@pytest.mark", 1
        ),
        OWN_CHECK.replace("@pytest.mark", "@pytest.mark.xfail\n@pytest.mark", 1),
        OWN_CHECK.replace("    assert after.count", "    pytest.skip('later')\n    assert after.count"),
        OWN_CHECK.replace("after):", "after, no_such_fixture):"),
        OWN_CHECK.replace('criterion("weights")', 'criterion("weights", "other")').replace(
            "def test_weights", "def weights"
        ),
    ],
    ids=["skip", "xfail", "skip-inside", "set-up-error", "not-collected"],
)
def test_skip_xfail_and_set_up_errors_are_not_checked(project: Project, spoilt: str) -> None:
    project.write("verifications/test_own.py", spoilt)

    assert project.run() == 10, project.output
    assert project.outcome("weights") == "not_checked"


def test_a_check_that_does_not_assert_its_finding_still_counts(project: Project) -> None:
    """A copy of a check that lost its assert must not turn a failure into a GO."""
    run = project.root / "verifications" / "test_run.py"
    run.write_text(run.read_text().replace("    assert finding, finding\n", ""))
    project.plan(migration=MIGRATION + "UPDATE parcels SET note = 'x' WHERE id = 2;")

    assert project.run() == 1, project.output
    assert project.outcome("only_declared_changes") == "failed"


def test_a_check_that_asks_nothing_proves_nothing(project: Project) -> None:
    run = project.root / "verifications" / "test_run.py"
    run.write_text(run.read_text().replace("finding = criterion.check(before, after, ledger)", "finding = True"))

    assert project.run() == 10, project.output
    assert project.outcome("only_declared_changes") == "not_checked"


def test_plain_pytest_counts_in_the_verdict(project: Project) -> None:
    plain = "def test_minutes(before, after):\n    q = 'SELECT count(*) FROM parcels'\n    assert before.frame(q).equals(after.frame(q))\n"
    project.write("verifications/test_plain.py", plain)
    assert project.run() == 0, project.output

    project.write("verifications/test_plain.py", plain.replace("FROM parcels", "+ random() FROM parcels"))
    assert project.run() == 1, project.output


@pytest.mark.parametrize(
    "body",
    [
        "    return after.scalar('SELECT 1') == 2\n",
        "    thread = threading.Thread(target=lambda: after.wrong)\n    thread.start()\n    thread.join()\n",
    ],
    ids=["returned", "in a thread"],
)
def test_what_a_check_does_not_assert_itself_is_no_proof(project: Project, body: str) -> None:
    project.write("verifications/test_plain.py", f"import threading\n\ndef test_plain(after):\n{body}")

    assert project.run() == 1, project.output
    assert project.outcome("test_plain.py::test_plain[first]") == "failed"


def test_a_check_cannot_write(project: Project) -> None:
    project.write("verifications/test_plain.py", "def test_writes(after):\n    after.query('DELETE FROM parcels')\n")

    assert project.run() == 1
    assert "read-only" in project.output


def test_stopping_at_the_first_failure_is_still_a_no_go(project: Project) -> None:
    project.plan(migration="SELECT 1/0;")

    assert project.run("-x") == 1
    assert project.result["verdict"] == "NO-GO"


@pytest.mark.parametrize(
    ("number", "reached"),
    [
        (signal.SIGINT, b"baseline ok"),
        (signal.SIGKILL, b"collected"),
        (signal.SIGKILL, b"restore ok"),
        (signal.SIGKILL, b"baseline ok"),
        (signal.SIGKILL, b"migrate ok"),
        (signal.SIGKILL, b"rerun ok"),
    ],
)
def test_an_interrupted_run_is_no_go_and_leaves_nothing(
    project: Project, number: signal.Signals, reached: bytes
) -> None:
    """In any stage: Ctrl-C gives INCOMPLETE and pytest's own status; after a kill there is no result at all, not an old one."""
    assert project.run() == 0
    slow = 60 if reached == b"baseline ok" else 1
    project.plan(migration=MIGRATION + f"SELECT pg_sleep({slow});", rollback=ROLLBACK + "SELECT pg_sleep(5);")
    with tempfile.TemporaryDirectory(prefix="cutover-test-", dir="/tmp") as folder:
        base = Path(folder)
        base.chmod(0o755)
        running = subprocess.Popen(
            [sys.executable, "-m", "pytest", "-p", "no:randomly"],
            cwd=project.root, env=os.environ | {"TMPDIR": folder}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert running.stdout is not None
        for line in running.stdout:
            if reached in line:
                break
        time.sleep(0.5)

        running.send_signal(number)
        running.communicate(timeout=60)

        # Whoever dies before there is a keeper leaves a folder to the next run.
        code = "from pytest_cutover.sandbox import Sandboxes; s = Sandboxes(); s.server(); s.close()"
        subprocess.run([sys.executable, "-c", code], env=os.environ | {"TMPDIR": folder}, check=True)
        deadline = time.monotonic() + 20
        while list(base.iterdir()) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert list(base.iterdir()) == []
    if number == signal.SIGINT:
        assert running.returncode == 2
        assert project.result["verdict"] == "INCOMPLETE"
    else:
        assert not (project.root / "reports" / "result.json").exists()


@pytest.mark.parametrize("hook", ["trylast=True", "wrapper=True"])
def test_no_plugin_makes_a_success_of_a_no_go(project: Project, hook: str) -> None:
    """Some plugins set the exit status to 0 where tests failed; a deployment looks at nothing else."""
    project.plan(migration=MIGRATION.replace("50", "NULL"))
    body = "    yield\n    session.exitstatus = 0\n" if "wrapper" in hook else "    session.exitstatus = 0\n"
    project.write(
        "verifications/conftest.py",
        f"import pytest\n\n@pytest.hookimpl({hook})\ndef pytest_sessionfinish(session):\n{body}",
    )

    assert project.run() == 1, project.output


def test_no_plan_at_all_is_incomplete(project: Project) -> None:
    (project.root / "migrations" / "first" / "plan.toml").unlink()

    assert project.run() == 10, project.output
    assert project.result["verdict"] == "INCOMPLETE"


def test_a_bad_plan_is_a_usage_error_that_removes_the_old_result(project: Project) -> None:
    assert project.run() == 0
    project.plan(text=PLAN.replace("[migrate]", '[migrate]\nroel = "x"').replace('kind = "weights"', 'kind = "wights"'))

    assert project.run() == 4
    assert "2 mistakes in the plans" in project.output
    assert not (project.root / "reports" / "result.json").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--plan", "frist"), 'Did you mean "first"?'),
        (("--sandbox", "podman"), "allowed are auto, embedded, docker"),
        (("--plna", "x"), "unrecognized arguments"),
    ],
)
def test_a_wrong_option_is_a_usage_error(project: Project, arguments: tuple[str, ...], told: str) -> None:
    assert project.run(*arguments) == 4
    assert told in project.output


def test_optimised_python_is_refused(project: Project) -> None:
    assert project.run(environment={"PYTHONOPTIMIZE": "1"}) == 4
    assert "removes assert statements" in project.output


@pytest.mark.parametrize(
    ("backup", "told"),
    [(None, "does not exist"), (BACKUP[: BACKUP.index("2\tsmall")], "is cut"), ("", "is empty")],
    ids=["missing", "cut", "empty"],
)
def test_a_backup_that_cannot_be_used_is_one_clear_error(project: Project, backup: str | None, told: str) -> None:
    path = project.root / "fixtures" / "backup.sql"
    path.unlink() if backup is None else path.write_text(backup)

    assert project.run() == 10
    assert project.output.count(told) == 1 or told in project.output
    assert project.result["verdict"] == "INCOMPLETE"


def test_a_machine_without_a_server_is_told_so(project: Project) -> None:
    assert project.run(environment={"CUTOVER_POSTGRES_BIN": "/nowhere"}) == 10
    assert "No PostgreSQL server was found" in project.output


def test_a_waiver_accepts_one_value_until_its_day(project: Project) -> None:
    bad = "ALTER TABLE parcels DROP COLUMN weight_g; ALTER TABLE parcels ALTER note SET NOT NULL;"
    waiver = '[[waivers]]\ncriterion = "restores_baseline:manual"\naccepts = "{}"\nowner = "dba"\nuntil = {}\nreason = "known"\n'
    project.plan(text=PLAN + waiver.format("column:parcels.note: nullable → NOT NULL", "2999-01-01"), rollback=bad)
    assert project.run() == 0, project.output
    assert project.outcome("restores_baseline:manual") == "waived"

    project.plan(text=PLAN + waiver.format("column:parcels.note", "2999-01-01"), rollback=bad)
    assert project.run() == 1

    project.plan(text=PLAN + waiver.format("column:parcels.note: nullable → NOT NULL", "2020-01-01"), rollback=bad)
    assert project.run() == 1


def test_no_password_and_no_row_value_is_written(project: Project) -> None:
    project.plan(migration=MIGRATION + "UPDATE parcels SET note = 'third-secret' WHERE id = 2;")

    assert project.run() == 1

    everything = project.output + "".join(
        path.read_text(encoding="utf-8") for path in (project.root / "reports").iterdir() if path.is_file()
    )
    assert "second-secret" not in everything and "first-secret" not in everything
    assert re.search(r"://[^/\s:@]+:[^/\s@]+@", everything) is None
    assert "SCRAM" not in everything


def test_our_own_tests_have_no_verdict(project: Project) -> None:
    project.write("tests/test_other.py", "def test_other(tmp_path):\n    assert tmp_path.is_dir()\n")

    assert project.run("tests") == 0
    assert not (project.root / "reports" / "result.json").exists()


def test_a_failure_elsewhere_is_not_covered_by_a_go(project: Project) -> None:
    """`pytest verifications tests` with a red test in tests/ must not end with 0."""
    project.write("tests/test_other.py", "def test_other():\n    assert 1 + 1 == 3\n")

    assert project.run("verifications", "tests") == 1
    assert project.result["verdict"] == "GO"


def test_a_repository_that_is_no_rehearsal_is_left_alone(project: Project) -> None:
    """The plugin is installed in many environments whose repositories know nothing of it."""
    shutil.rmtree(project.root / "verifications")
    project.write("pyproject.toml", "")
    project.write("tests/test_other.py", "def test_other():\n    assert 1 + 1 == 2\n")

    assert project.run() == 0
    assert "cutover:" not in project.output


@pytest.mark.parametrize("option", ["--collect-only", "--fixtures", "--markers", "--help"])
def test_what_runs_nothing_has_no_verdict_and_keeps_the_last_one(project: Project, option: str) -> None:
    project.write("reports/result.json", "{}")

    assert project.run(option) == 0, project.output
    assert project.result == {}
