"""The backup of rally_series is what its generator says; its two scripts do what they log, also when they are killed."""

from __future__ import annotations

import gzip
import importlib.util
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import psycopg
import pytest

from pytest_cutover.backup.inspect import inspect_backup
from pytest_cutover.backup.restore import restore
from pytest_cutover.sandbox import Server
from pytest_cutover.target import Target

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
FIXTURE = ROOT / "fixtures" / "rally_series"
MIGRATION = ROOT / "migrations" / "rally_series"
SERIES = MIGRATION / "scripts" / "migrate_series_league_isolation.py"
CONTEXTS = MIGRATION / "scripts" / "add_series_id_to_user_contexts.py"
VARIANTS = sorted((ROOT / "tests" / "variants" / "rally_series").glob("*/variant.toml"))

MOVED = ("teams", "players", "series_stats", "series_leagues", "player_availability")
KEPT = ("users", "user_contexts", "match_scores", "schedule", "leagues", "polls")

WAIT_AT_ROWS = """
CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(300); RETURN NULL; END';
CREATE TRIGGER wait {point} FOR EACH STATEMENT EXECUTE FUNCTION wait();
"""
WAIT_AT_DDL = """
CREATE FUNCTION wait() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(300); END';
CREATE EVENT TRIGGER wait ON ddl_command_start WHEN TAG IN ('{point}') EXECUTE FUNCTION wait();
"""


def _toml(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _generate(output: Path, *arguments: str) -> str:
    command = [sys.executable, "-B", str(FIXTURE / "generate.py"), "--output", str(output), *arguments]
    subprocess.run(command, check=True, timeout=120)
    return output.read_text(encoding="utf-8")


def _season(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("rally_series_season", FIXTURE / "season.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their own module up there.
    monkeypatch.setitem(sys.modules, spec.name, module)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def template(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A small backup, restored."""
    path = tmp_path_factory.mktemp("rally") / "backup.sql"
    _generate(path, "--scale", "0.1")
    facts = inspect_backup(path)
    target, _, _ = restore(facts, server, "rally_template", [FIXTURE / "roles.sql"], None, lambda text: None)
    yield target
    server.drop(target.database)


@pytest.fixture
def database(new_database: Callable[..., Target], template: Target) -> Target:
    """A copy of it."""
    return new_database(template=template)


def _environment(target: Target | None) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    address = {"DATABASE_URL": target.url} if target else {}
    return kept | address | {"PYTHONDONTWRITEBYTECODE": "1"}


def _run(script: Path, target: Target | None, *options: str) -> tuple[int, str]:
    """The exit status of the script, and what it printed."""
    done = subprocess.run(
        [sys.executable, str(script), *options], env=_environment(target), capture_output=True, text=True, check=False,
        timeout=120,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def _ask(target: Target, sql: str) -> list[tuple[Any, ...]]:
    with target.connect() as connection:
        return connection.execute(sql.encode()).fetchall()


def _do(target: Target, sql: str) -> None:
    with target.connect() as connection:
        connection.execute(sql.encode())


def _state(target: Target) -> list[tuple[Any, ...]]:
    """Every column, constraint and row of the tables that matter."""
    found = _ask(
        target,
        "SELECT attrelid::regclass::text, attname FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid"
        " WHERE relnamespace = 'public'::regnamespace AND attnum > 0 AND NOT attisdropped ORDER BY 1, attnum",
    )
    found += _ask(target, "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint ORDER BY conname, oid")
    for table in ("series", *MOVED, *KEPT):
        found += _ask(target, f"SELECT '{table}', md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {table} AS t")
    return found


def _leads_to(target: Target) -> list[tuple[Any, ...]]:
    """For each row the name and the league of its series, whatever the id of that is."""
    return [
        row
        for table in (*MOVED, "user_contexts")
        for row in _ask(
            target,
            f"SELECT '{table}', entry.{'user_id' if table == 'user_contexts' else 'id'}, series.name, series.league_id"
            f" FROM {table} AS entry LEFT JOIN series ON series.id = entry.series_id ORDER BY 2",
        )
    ]


@pytest.fixture(scope="module")
def right(server: Server, template: Target) -> Iterator[list[tuple[Any, ...]]]:
    """What every row leads to after both scripts ran undisturbed."""
    target = server.create("rally_right", template=template)
    for script in (SERIES, CONTEXTS):
        status, printed = _run(script, target, "--live")
        assert status == 0, printed
    yield _leads_to(target)
    server.drop(target.database)


# The backup.


def test_the_committed_backup_is_what_the_generator_writes(tmp_path: Path) -> None:
    committed = gzip.decompress((FIXTURE / "backup.sql.gz").read_bytes()).decode()

    assert _generate(tmp_path / "backup.sql") == committed


def test_the_backup_is_small_and_has_29_tables_and_44_foreign_keys() -> None:
    packed = (FIXTURE / "backup.sql.gz").read_bytes()
    text = gzip.decompress(packed).decode()

    assert len(packed) < 500_000
    assert text.count("\nCREATE TABLE ") == 29
    assert text.count(" FOREIGN KEY (") == 44
    assert text.endswith("-- PostgreSQL database dump complete\n--\n\n")


def test_seed_and_scale_change_what_is_generated(tmp_path: Path) -> None:
    small = _generate(tmp_path / "a.sql", "--scale", "0.1")

    assert _generate(tmp_path / "b.sql", "--scale", "0.1") == small
    assert _generate(tmp_path / "c.sql", "--scale", "0.1", "--seed", "7") != small
    assert len(_generate(tmp_path / "d.sql", "--scale", "0.5")) > 1.5 * len(small)


def test_every_person_and_every_address_is_invented() -> None:
    """Addresses are of the domains that nobody can own."""
    text = gzip.decompress((FIXTURE / "backup.sql.gz").read_bytes()).decode()

    assert set(re.findall(r"@([\w.-]+)", text)) == {"example.org"}
    assert all(host.endswith("example.org") for host in re.findall(r"https?://([\w.-]+)", text))


# The scripts.


def test_the_scripts_find_the_series_and_the_league_that_the_generator_drew(
    right: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The criteria derive the right series from the data, as the scripts do; this compares with what was drawn."""
    season = _season(monkeypatch).season(13584, 0.1)

    assert [row for row in right if row[0] == "teams"] == [
        ("teams", team.id, team.series.name, team.league) for team in season.teams
    ]
    assert [row for row in right if row[0] == "players"] == [
        ("players", player.id, player.series.name, player.league) for player in season.players
    ]


def test_without_live_nothing_changes(database: Target) -> None:
    """The dry run does all of it, so that it finds what the live run would find."""
    before = _state(database)

    status, printed = _run(SERIES, database)

    assert status == 0
    assert "dry run, nothing will be kept" in printed
    assert "conflict series made for further leagues: 5 rows" in printed
    assert "add --live to keep it" in printed
    assert _state(database) == before


def test_the_log_file_holds_what_was_printed_and_no_password(database: Target, tmp_path: Path) -> None:
    """A second run adds to it."""
    log = tmp_path / "logs" / "run.log"

    first, second = (_run(SERIES, database, "--live", "--log-file", str(log)) for _ in range(2))

    assert first[0] == second[0] == 0
    assert log.read_text(encoding="utf-8") == first[1] + second[1]
    assert "INFO committed and checked after" in first[1]
    assert database.password not in first[1]


def test_without_an_address_nothing_is_guessed() -> None:
    status, printed = _run(SERIES, None, "--live")

    assert status == 2
    assert "DATABASE_URL is not set" in printed


def test_the_second_script_refuses_to_go_first(database: Target) -> None:
    before = _state(database)

    status, printed = _run(CONTEXTS, database, "--live")

    assert status == 1
    assert (
        "refused, nothing was changed: series has no league_id: run migrate_series_league_isolation.py first" in printed
    )
    assert _state(database) == before


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        ("INSERT INTO series (name) VALUES ('Nowhere')", "no league uses Nowhere: name it in series_leagues"),
        (
            "INSERT INTO leagues (league_id, league_name) SELECT 'L' || i, 'L' FROM generate_series(1, 30) AS i;"
            "INSERT INTO series_leagues (series_id, league_id) SELECT 13584, id FROM leagues WHERE league_id ~ '^L[0-9]'",
            "35 series would have to be made, and at most 20 were foreseen",
        ),
    ],
)
def test_the_first_script_refuses_what_it_was_not_written_for(database: Target, spoil: str, told: str) -> None:
    """It says what to do, and has changed nothing."""
    _do(database, spoil)
    before = _state(database)

    status, printed = _run(SERIES, database, "--live")

    assert status == 1
    assert f"refused, nothing was changed: {told}" in printed
    assert _state(database) == before


def test_the_second_script_refuses_a_context_whose_team_is_of_another_league(database: Target) -> None:
    _run(SERIES, database, "--live")
    _do(
        database,
        "UPDATE user_contexts SET league_id = CASE league_id WHEN 4933 THEN 4927 ELSE 4933 END WHERE user_id = 101",
    )

    status, printed = _run(CONTEXTS, database, "--live")

    assert status == 1
    assert "refused, nothing was changed: 1 contexts name a team of another league than their own" in printed


def test_two_migrations_at_a_time_are_one_too_many(database: Target) -> None:
    with database.connect() as other:
        other.execute("SELECT pg_advisory_lock(13584)")

        status, printed = _run(SERIES, database, "--live")

    assert status == 1
    assert "another migration is at work on this database" in printed


def test_a_column_that_an_earlier_attempt_half_filled_is_filled_anew(
    database: Target, right: list[tuple[Any, ...]]
) -> None:
    _do(
        database, "ALTER TABLE series ADD COLUMN league_id integer; UPDATE series SET league_id = 4930 WHERE id % 2 = 0"
    )

    for script in (SERIES, CONTEXTS):
        status, printed = _run(script, database, "--live")
        assert status == 0, printed

    assert _leads_to(database) == right


@pytest.mark.parametrize(
    ("script", "point"),
    [
        (SERIES, "BEFORE UPDATE ON series"),
        (SERIES, "BEFORE INSERT ON series"),
        (SERIES, "BEFORE UPDATE ON teams"),
        (SERIES, "BEFORE UPDATE ON player_availability"),
        (SERIES, "ALTER TABLE"),
        (CONTEXTS, "BEFORE UPDATE ON user_contexts"),
        (CONTEXTS, "CREATE INDEX"),
    ],
    ids=lambda value: value.stem if isinstance(value, Path) else value.lower().replace(" ", "-"),
)
def test_a_killed_run_has_changed_nothing_and_the_next_one_converges(
    database: Target, right: list[tuple[Any, ...]], script: Path, point: str
) -> None:
    """The server is made to wait at one point of the work, and the process is killed there."""
    if script is CONTEXTS:
        assert _run(SERIES, database, "--live")[0] == 0
    before = _state(database)
    _do(database, WAIT_AT_ROWS.format(point=point) if point.startswith("BEFORE") else WAIT_AT_DDL.format(point=point))

    with subprocess.Popen(
        [sys.executable, str(script), "--live"], env=_environment(database), stdout=subprocess.DEVNULL
    ) as process:
        deadline = time.monotonic() + 60
        while not (waiting := _waiting(database)) and time.monotonic() < deadline:
            time.sleep(0.02)
        process.kill()
    assert waiting, f"{script.name} never came to {point}"
    _do(database, f"SELECT pg_terminate_backend({waiting[0]}, 30000)")
    _do(database, "DROP FUNCTION wait() CASCADE")

    assert _state(database) == before
    for each in (SERIES, CONTEXTS):
        status, printed = _run(each, database, "--live")
        assert status == 0, printed
    assert _leads_to(database) == right


def _waiting(target: Target) -> list[int]:
    rows = _ask(
        target,
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'",
    )
    return [pid for (pid,) in rows]


def test_the_manual_way_back_keeps_what_was_written_since(database: Target) -> None:
    """A series of a new name stays, and a player who joined a conflict series is in the one that is left."""
    for script in (SERIES, CONTEXTS):
        _run(script, database, "--live")
    _do(
        database,
        "INSERT INTO series (name, display_name, league_id) VALUES ('Brand New', 'Brand New', 4927);"
        "INSERT INTO players (tenniscores_player_id, first_name, last_name, league_id, club_id, series_id)"
        " SELECT 'nndz-999999', 'A', 'B', league_id, 1, id FROM series WHERE name = 'Chicago 13' AND league_id = 4927",
    )

    _do(database, (MIGRATION / "rollback.sql").read_text(encoding="utf-8"))

    assert _ask(database, "SELECT count(*), count(DISTINCT name) FROM series") == [(101, 101)]
    assert _ask(database, "SELECT series_id FROM players WHERE tenniscores_player_id = 'nndz-999999'") == [(13584,)]


def test_after_the_way_back_the_migration_can_be_run_again(database: Target, right: list[tuple[Any, ...]]) -> None:
    """The automatic backup of the first time is still there, and is taken anew."""
    for script in (SERIES, CONTEXTS):
        _run(script, database, "--live")
    _do(database, (MIGRATION / "rollback.sql").read_text(encoding="utf-8"))
    _do(
        database,
        "INSERT INTO series (name) VALUES ('Since Then'); INSERT INTO series_leagues (series_id, league_id)"
        " SELECT id, 4927 FROM series WHERE name = 'Since Then'",
    )

    for script in (SERIES, CONTEXTS):
        status, printed = _run(script, database, "--live")
        assert status == 0, printed

    assert [row for row in _leads_to(database) if row[2] != "Since Then"] == right
    assert _ask(database, "SELECT count(*) FROM series_backup") == [(101,)]


def test_the_way_back_of_the_written_plan_is_refused(database: Target) -> None:
    """Its last statement cannot be done while two series have one name; psql would go on and exit 0."""
    _run(SERIES, database, "--live")

    with pytest.raises(psycopg.errors.UniqueViolation):
        _do(
            database,
            "ALTER TABLE series DROP COLUMN IF EXISTS league_id; ALTER TABLE series ADD CONSTRAINT series_name_key UNIQUE (name)",
        )


# The variants.


def test_every_criterion_of_the_plan_has_a_variant_that_it_catches() -> None:
    """By name: each is the point of some variant, or said in the variants' README to be caught on the way."""
    plan = _toml(MIGRATION / "plan.toml")
    explicit = {criterion["id"] for criterion in plan["criteria"]}
    implicit = {"applies", "only_declared_changes", "idempotent", "restores_baseline:manual"}
    readme = (ROOT / "tests" / "variants" / "rally_series" / "README.md").read_text(encoding="utf-8")

    caught = {identifier for variant in VARIANTS for identifier in _toml(variant)["catches"]}

    assert caught <= explicit | implicit
    assert {each for each in explicit | implicit if f"| `{each}` |" not in readme} == set()


@pytest.mark.parametrize("path", VARIANTS, ids=[path.parent.name for path in VARIANTS])
def test_a_variant_says_what_is_wrong_and_is_in_the_list(path: Path) -> None:
    variant = _toml(path)
    readme = (ROOT / "tests" / "variants" / "rally_series" / "README.md").read_text(encoding="utf-8")

    assert variant["title"] and variant["why"] and variant["catches"]
    assert f"| `{path.parent.name}` | {variant['title']} |" in readme


def test_each_line_of_the_written_plan_names_criteria_that_exist() -> None:
    page = (ROOT / "docs" / "plans" / "rally_series.md").read_text(encoding="utf-8")
    plan = _toml(MIGRATION / "plan.toml")
    known = {criterion["id"] for criterion in plan["criteria"]}

    assert {each for each in known if f"`{each}`" not in page} == set()
