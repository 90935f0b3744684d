"""The history of Flyway agrees with the files, and a green one cannot be had by leaving something out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pytest_cutover.criteria import KINDS
from pytest_cutover.finding import Finding
from pytest_cutover.migrate import run_steps
from pytest_cutover.plan.model import Step
from pytest_cutover.postgresql import PostgresDatabase
from pytest_cutover.target import Target
from tests.criteria.conftest import problem, read

V1 = "CREATE TABLE lots (id int PRIMARY KEY);"
V2 = "ALTER TABLE lots ADD COLUMN rate int;"
V3 = "ALTER TABLE lots ADD COLUMN place text;"
VIEW = "CREATE OR REPLACE VIEW open_lots AS SELECT id FROM lots;"
ALL = {"V1__lots.sql": V1, "V2__rates.sql": V2, "V3__places.sql": V3, "R__views.sql": VIEW}


@dataclass
class Parking:
    """A database at version 1 and a copy of it that is migrated; `sql` in the copy before and after that."""

    new_database: Callable[..., Target]
    folder: Path
    opened: list[PostgresDatabase]

    def check(
        self, files: dict[str, str] | None = None, *, old: str = "", first: str = "", last: str = "", begin: dict[str, str] | None = None,
        settings: dict[str, Any] | None = None, run: bool = True, plain: bool = False, **keys: Any,
    ) -> Finding:  # fmt: skip
        """What the criterion finds; `plain` leaves out what ran, as where a program ran Flyway."""
        before = self.new_database()
        self._run(before, begin if begin is not None else {"V1__lots.sql": V1, "R__views.sql": VIEW}, {})
        self._sql(before, old)
        after = self.new_database(template=before)
        self._sql(after, first)
        done = self._run(after, files if files is not None else ALL, settings or {}) if run else None
        self._sql(after, last)
        if not run:
            self._write(files if files is not None else ALL)
        migrate = {"steps": [{"flyway": "sql", "settings": settings or {}}]}
        databases = PostgresDatabase(before, "before"), PostgresDatabase(after, "after")
        self.opened += databases
        databases[1].run = None if plain else done
        given = {"id": "c", "kind": "flyway_history", **keys}
        criterion = KINDS["flyway_history"].model_validate(
            given, context={"folder": self.folder, "root": self.folder, "migrate": migrate}
        )
        found: Finding = criterion.check(*databases)  # type: ignore[attr-defined]
        return found

    def _write(self, files: dict[str, str]) -> None:
        where = self.folder / "sql"
        where.mkdir(exist_ok=True)
        for old in where.iterdir():
            old.unlink()
        for name, text in files.items():
            (where / name).write_text(text, encoding="utf-8")

    def _run(self, target: Target, files: dict[str, str], settings: dict[str, Any]) -> Any:
        self._write(files)
        return run_steps([Step(flyway="sql", settings=settings)], self.folder, target)

    def _sql(self, target: Target, sql: str) -> None:
        if sql:
            with target.connect() as connection:
                connection.execute(sql.encode())


@pytest.fixture
def parking(new_database: Callable[..., Target], tmp_path: Path) -> Iterator[Parking]:
    """Databases to migrate with Flyway."""
    made = Parking(new_database, tmp_path, [])
    yield made
    for each in made.opened:
        each.close()


def test_a_history_that_agrees_with_the_files_holds(parking: Parking) -> None:
    finding = parking.check(latest="3")

    assert finding.holds, finding
    assert finding.before == "version 1, 2 rows, 2 pending"
    assert finding.actual == "version 3, 4 rows, 0 pending"
    assert finding.held_before is False


def test_a_history_that_agreed_before_says_so(parking: Parking) -> None:
    """The migration is not what makes it hold."""
    finding = parking.check(begin=ALL)

    assert finding.holds and finding.held_before is True


def test_no_history_at_all_fails(parking: Parking) -> None:
    """Not green by absence."""
    finding = parking.check(last="DROP TABLE flyway_schema_history")

    assert not finding.holds
    assert finding.message.startswith(
        "the history table flyway_schema_history is not there, though it was there before"
    )


def test_an_empty_history_fails(parking: Parking) -> None:
    finding = parking.check(last="TRUNCATE flyway_schema_history")

    assert not finding.holds
    assert "version 1 (lots) is pending" in finding.message


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"settings": {"target": "2"}}, "version 3 (places) is pending"),
        ({"settings": {"target": "2"}, "latest": "3"}, "version 3 (places) is pending"),
        ({"run": False}, "version 2 (rates) is pending"),
        (
            {"files": ALL | {"R__views.sql": VIEW + " "}, "run": False, "begin": ALL},
            "repeatable views ran as an older file, so it is pending again",
        ),
        ({"latest": "4"}, "the newest version is 3, expected is 4"),
        ({"latest": "2"}, "the newest version is 3, expected is 2"),
        (
            {"files": ALL | {"V4_forgotten.sql": "SELECT 1;"}},
            "V4_forgotten.sql is no migration to Flyway, and never runs",
        ),
    ],
)
def test_what_did_not_run_fails(parking: Parking, given: dict[str, Any], told: str) -> None:
    finding = parking.check(**given)

    assert not finding.holds
    assert told in finding.message


def test_files_above_the_latest_version_may_wait(parking: Parking) -> None:
    assert parking.check(settings={"target": "2"}, latest="2").holds


@pytest.mark.parametrize(
    "settings", [{"validateOnMigrate": False}, {"validateOnMigrate": False, "ignoreMigrationPatterns": ["*:missing"]}]
)
@pytest.mark.parametrize(
    ("files", "told"),
    [
        (ALL | {"V1__lots.sql": V1 + " -- edited"}, "version 1 (lots) Migration checksum mismatch"),
        (
            {"V2__rates.sql": V2, "V3__places.sql": V3, "R__views.sql": VIEW},
            "version 1 (lots) ran, and there is no file of it",
        ),
    ],
)
def test_settings_that_look_away_do_not_count(
    parking: Parking, files: dict[str, str], told: str, settings: dict[str, Any]
) -> None:
    finding = parking.check(files, settings=settings)

    assert not finding.holds
    assert told in finding.message


def test_a_failed_row_fails(parking: Parking) -> None:
    finding = parking.check(last="UPDATE flyway_schema_history SET success = false WHERE version = '3'")

    assert not finding.holds
    assert "version 3 (places) failed" in finding.message


def test_a_version_that_comes_late_fails_unless_allowed(parking: Parking) -> None:
    begin = {"V1__lots.sql": V1, "V3__places.sql": V3}

    late = parking.check(begin=begin, settings={"outOfOrder": True})
    allowed = parking.check(begin=begin, settings={"outOfOrder": True}, out_of_order=True)

    assert not late.holds
    assert late.message.startswith("version 2 (rates) ran after a newer version")
    assert allowed.holds, allowed


def test_a_row_that_nothing_ran_fails(parking: Parking) -> None:
    """Written by hand, so that a migration that fails is passed over."""
    checksums = parking.check().holds
    row = (
        "INSERT INTO flyway_schema_history SELECT 3, '2', 'rates', 'SQL', 'V2__rates.sql', 1743128470, current_user, now(), "
        "5, true"
    )

    finding = parking.check(first=row, settings={"validateOnMigrate": False})

    assert checksums and not finding.holds
    assert ("version 2 (rates)", "has a row, and no step of the plan ran its file") in finding.evidence[0].rows


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("UPDATE flyway_schema_history SET checksum = 1 WHERE version = '1'", "ran before, and its row was changed"),
        ("DELETE FROM flyway_schema_history WHERE version IS NULL", "ran before, and its row is gone"),
        ("UPDATE flyway_schema_history SET installed_rank = 9 WHERE version = '3'", "has the rank 9"),
    ],
)
def test_a_history_that_was_tampered_with_fails(parking: Parking, sql: str, told: str) -> None:
    finding = parking.check(last=sql)

    assert not finding.holds
    assert any(told in what for _, what in finding.evidence[0].rows)


def test_the_row_of_a_failed_one_may_be_taken_away_before_it_is_tried_again(parking: Parking) -> None:
    """What Flyway's repair does."""
    failed = "INSERT INTO flyway_schema_history SELECT 3, '2', 'rates', 'SQL', 'V2__rates.sql', 1, current_user, now(), 5, false"

    finding = parking.check(old=failed, first="DELETE FROM flyway_schema_history WHERE NOT success")
    kept = parking.check(old=failed, settings={"validateOnMigrate": False})

    assert not kept.holds
    assert "version 2 (rates) failed" in kept.message
    assert finding.holds, finding


def test_a_file_without_a_statement_leaves_no_trace_and_may_have_a_row(parking: Parking) -> None:
    finding = parking.check(ALL | {"V4__nothing.sql": "/* kept\n   for its number */\n-- and nothing else\n"})

    assert finding.holds, finding


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({}, "the plan has no flyway step: name the folder with the key `files`"),
        ({"files": "nowhere"}, "there is no such folder beside the plan"),
        ({"files": "../.."}, "there is no such folder beside the plan"),
        ({"files": "sql", "settings": {"outOfOder": True}}, 'Did you mean "outOfOrder"?'),
        ({"settings": {"table": "x"}}, "go with `files`"),
        ({"latest": "six", "files": "sql"}, "is no version"),
    ],
)
def test_what_cannot_be_read_is_a_mistake_in_the_plan(tmp_path: Path, keys: dict[str, Any], told: str) -> None:
    (tmp_path / "sql").mkdir()
    (tmp_path / "sql" / "V1__lots.sql").write_text(V1)

    assert told in problem("flyway_history", tmp_path, **keys)


def test_a_folder_can_be_named_where_a_program_runs_flyway(parking: Parking) -> None:
    finding = parking.check(files=ALL, plain=True, latest="3")
    criterion = read("flyway_history", parking.folder, files="sql", latest="3")

    assert finding.holds
    assert criterion.check(*parking.opened[-2:]).holds
