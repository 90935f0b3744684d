"""Reading plans: what is accepted, and how every mistake is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar

import pytest

from pytest_cutover.errors import PlanError
from pytest_cutover.plan.load import load_plans
from pytest_cutover.plan.model import Criterion, Plan


class NotNull(Criterion):
    """A kind to read plans with."""

    table: str
    columns: list[str]


class Applies(Criterion):
    """A kind that every plan has."""

    IMPLICIT: ClassVar[bool] = True


KINDS = {"not_null": NotNull, "applies": Applies}

GOOD = """\
title = "Add a column"
engine = "postgresql"
[backup]
path = "backup.sql.gz"
[migrate]
budget = "500ms"
steps = [{ sql = "01.sql" }]
[[rollback]]
name = "restore"
restore = true
[changes]
rows = { flights = { changed = ["cid"], added = "3..5" } }
[[criteria]]
id = "no-null"
kind = "not_null"
table = "flights"
columns = ["cid"]
"""


def _read(root: Path, text: str, own: tuple[str, ...] = ()) -> Plan:
    folder = root / "migrations" / "first"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "01.sql").write_text("SELECT 1;")
    (folder / "plan.toml").write_text(text)
    return load_plans([folder], root, KINDS, own)[0]


def _problems(root: Path, text: str) -> list[str]:
    with pytest.raises(PlanError) as caught:
        _read(root, text)
    return caught.value.problems


def test_a_good_plan_is_read(tmp_path: Path) -> None:
    """Durations become seconds, ranges become ranges, the name is the folder's."""
    plan = _read(tmp_path, GOOD)

    assert plan.name == "first"
    assert plan.file.migrate.budget == 0.5
    assert 4 in plan.file.changes.rows["flights"].added
    assert [criterion.id for criterion in plan.criteria] == ["no-null"]


@pytest.mark.parametrize(("text", "size", "shown"), [("64kB", 65536, "64kB"), ("10 GB", 10 * 2**30, "10GB")])
def test_sizes_are_those_of_postgresql(tmp_path: Path, text: str, size: int, shown: str) -> None:
    """A kilobyte has 1024 bytes, and a size is shown as it was written."""
    limit = _read(tmp_path, GOOD + f'[live]\nmax_scan = "{text}"\n').file.live.max_scan

    assert (limit, str(limit)) == (size, shown)


@pytest.mark.parametrize("text", ["0MB", "10", "10 gb", "-1GB", "1.5GB"])
def test_a_size_without_a_meaning_is_refused(tmp_path: Path, text: str) -> None:
    """And the way to write it is told."""
    problems = _problems(tmp_path, GOOD + f'[live]\nmax_scan = "{text}"\n')

    assert f'live.max_scan: found "{text}": write a number and a unit: 500kB, 64MB' in problems[0]


def test_six_different_mistakes_are_told_at_once(tmp_path: Path) -> None:
    """One message lists the kind, the unit, the unknown key, the file, the waiver and the object name."""
    text = (
        GOOD.replace('kind = "not_null"', 'kind = "not_nul"')
        .replace('"500ms"', '"500 millis"')
        .replace("[migrate]", '[migrate]\nroel = "app"')
        .replace('sql = "01.sql"', 'sql = "02.sql"')
        .replace("[changes]", '[changes]\nadded = ["colum:flights.cid"]')
        + '[[waivers]]\ncriterion = "no-nul"\naccepts = "1"\nowner = "team"\nuntil = 2030-01-01\nreason = "known"\n'
    )

    problems = _problems(tmp_path, text)

    told = "\n".join(problems)
    assert 'criterion "no-null": unknown kind "not_nul"' in told
    assert 'Did you mean "not_null"?' in told
    assert 'migrate.budget: found "500 millis": write a number and a unit' in told
    assert 'unknown key "roel"' in told and 'Did you mean "role"?' in told
    assert 'there is no file "02.sql". Did you mean "01.sql"?' in told
    assert 'changes.added[1]: found "colum:flights.cid"' in told
    assert all(problem.startswith("migrations/first/plan.toml: ") for problem in problems)
    assert 'waivers[1].criterion: there is no criterion "no-nul"' in told
    assert len(problems) == 6


def test_a_waiver_for_an_unknown_criterion_names_the_nearest(tmp_path: Path) -> None:
    text = (
        GOOD
        + '[[waivers]]\ncriterion = "no-nul"\naccepts = "1"\nowner = "team"\nuntil = 2030-01-01\nreason = "known"\n'
    )

    (problem,) = _problems(tmp_path, text)

    assert 'waivers[1].criterion: there is no criterion "no-nul"' in problem
    assert 'Did you mean "no-null"?' in problem


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('engine = "postgresql"', 'engine = "postgres"', 'Did you mean "postgresql"?'),
        ('title = "Add a column"\n', "", 'the key "title" is missing'),
        ('path = "backup.sql.gz"', 'path = "../../../elsewhere.sql"', "stay inside the repository"),
        ('path = "backup.sql.gz"', 'path = "/etc/backup.sql"', "stay inside the repository"),
        ('path = "backup.sql.gz"', "", "either `path` or `command`"),
        ('steps = [{ sql = "01.sql" }]', "steps = []", "at least 1"),
        ('{ sql = "01.sql" }', '{ sql = "01.sql", command = ["x"] }', "exactly one of"),
        ("restore = true", "", "either `steps` or `restore = true`"),
        ('columns = ["cid"]', 'column = "cid"', 'unknown key "column"'),
        ('added = "3..5"', 'added = "5..3"', "is empty"),
        ('added = "3..5"', "added = true", "found true"),
        ('id = "no-null"', 'id = "applies"', "every plan has"),
        ('kind = "not_null"', "", 'the key "kind" is missing'),
        ('path = "backup.sql.gz"', 'path = "backup.sql.gz"\ntaken = 2026-01-15T03:00:00', "give the zone"),
    ],
)
def test_each_mistake_names_its_place_and_the_way_out(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert old in GOOD

    problems = _problems(tmp_path, GOOD.replace(old, new))

    assert any(told in problem for problem in problems), problems


def test_a_plan_without_criteria_is_refused(tmp_path: Path) -> None:
    problems = _problems(tmp_path, GOOD[: GOOD.index("[[criteria]]")])

    assert any('the key "criteria" is missing' in problem for problem in problems)


def test_what_is_not_toml_is_told_with_its_line(tmp_path: Path) -> None:
    (problem,) = _problems(tmp_path, GOOD + "\n[[[")

    assert "is not TOML" in problem and "line" in problem


def test_an_id_that_is_used_twice_is_told(tmp_path: Path) -> None:
    again = GOOD[GOOD.index("[[criteria]]") :]

    (problem,) = _problems(tmp_path, GOOD + again)

    assert "the id is used 2 times" in problem


def test_a_kind_of_the_teams_own_keeps_its_params(tmp_path: Path) -> None:
    text = GOOD + '[[criteria]]\nid = "mine"\nkind = "freight"\nparams = { lorries = 3 }\n'

    plan = _read(tmp_path, text, own=("freight",))

    assert plan.criteria[1].params == {"lorries": 3}  # type: ignore[attr-defined]


def test_needless_quotes_and_the_schema_public_do_not_make_another_name(tmp_path: Path) -> None:
    """A name copied from SQL means the same object; what needs its quotes keeps them."""
    names = {
        'table:"parcels"': "table:parcels", 'column:"public"."parcels"."weight_g"': "column:parcels.weight_g",
        'index:app."by size"': "index:app.by size", 'table:"a.b"': 'table:"a.b"', 'table:"say ""hi"""': 'table:"say ""hi"""',
        'function:"f"(integer)': 'function:"f"(integer)', "table:a.b.c": "table:a.b.c",
    }  # fmt: skip
    plan = _read(tmp_path, GOOD.replace("[changes]", f"[changes]\nadded = {json.dumps(list(names))}"))

    assert plan.file.changes.added == list(names.values())


def test_the_migration_hash_follows_the_content_of_the_steps(tmp_path: Path) -> None:
    """A result of another migration must not be taken for this one's."""
    first = _read(tmp_path, GOOD).migration_sha256

    (tmp_path / "migrations" / "first" / "01.sql").write_text("SELECT 2;")
    second = load_plans([tmp_path / "migrations" / "first"], tmp_path, KINDS)[0].migration_sha256

    assert first != second


@pytest.mark.parametrize(
    ("step", "told"),
    [
        (
            '{ command = ["run", "--db={url}"] }',
            "`command` may hold {backup} {python}, not {url}; what leads to the database belongs in `env`",
        ),
        ('{ command = ["run", "{file}"] }', "`command` may hold {backup} {python}, not {file}"),
        (
            '{ command = ["run"], env = { A = "{adress}" } }',
            "env.A may hold {backup} {database} {host} {password} {path} {port} {python} {url} {user}, not {adress}",
        ),
    ],
)
def test_placeholders_of_a_command_are_checked(tmp_path: Path, step: str, told: str) -> None:
    """A password on a command line is everybody's, and an unknown name would reach the program as it is."""
    problems = _problems(tmp_path, GOOD.replace('{ sql = "01.sql" }', step))

    assert any(told in problem for problem in problems), problems


def test_every_file_beside_a_command_is_part_of_the_migration(tmp_path: Path) -> None:
    """The program may import it: a result is of this migration only while none has changed."""
    text = GOOD.replace('{ sql = "01.sql" }', '{ command = ["{python}", "go.py"] }')
    folder = tmp_path / "migrations" / "first"
    first = _read(tmp_path, text).migration_sha256

    (folder / "run.log").write_text("what it logs is not part of it")
    assert _read(tmp_path, text).migration_sha256 == first
    (folder / "words.json").write_text("{}")
    assert _read(tmp_path, text).migration_sha256 != first


@pytest.mark.parametrize("named", ["../../tools/go.py", "../../tools", "--script=../../tools/go.py"])
def test_a_program_elsewhere_in_the_repository_is_part_of_the_migration(tmp_path: Path, named: str) -> None:
    """A live run is compared with a rehearsal of the same program alone."""
    text = GOOD.replace(
        '{ sql = "01.sql" }', f'{{ command = ["{{python}}", "{named}", "../../reports/of.json", "/"] }}'
    )
    for path in ("tools/go.py", "reports/of.json"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text("1")
    first = _read(tmp_path, text).migration_sha256

    (tmp_path / "reports/of.json").write_text("what a run wrote is not part of it")
    assert _read(tmp_path, text).migration_sha256 == first
    (tmp_path / "tools/go.py").write_text("2")
    assert _read(tmp_path, text).migration_sha256 != first


def test_a_flyway_step_is_read_as_flyway_would(tmp_path: Path) -> None:
    """All that is wrong with its folder and settings is told with the rest."""
    step = 'steps = [{ flyway = "sql", settings = { outOfOder = true } }]'
    steps = 'steps = [{ sql = "01.sql" }]'

    assert _problems(tmp_path, GOOD.replace(steps, step)) == [
        'migrations/first/plan.toml: migrate.steps[1].flyway: there is no folder "sql"'
    ]
    folder = tmp_path / "migrations" / "first" / "sql"
    folder.mkdir()
    (unknown,) = _problems(tmp_path, GOOD.replace(steps, step))
    assert 'migrate.steps[1].settings: unknown Flyway setting "outOfOder".' in unknown
    assert 'Did you mean "outOfOrder"?' in unknown
    (folder / "V1__a.sql").write_text("SELECT '${who}';")
    (lacking,) = _problems(tmp_path, GOOD.replace(steps, 'steps = [{ flyway = "sql" }]'))
    assert "migrate.steps[1].flyway: V1__a.sql:1: No value provided for placeholder: ${who}" in lacking


def test_the_migrations_of_a_flyway_step_are_in_the_hash(tmp_path: Path) -> None:
    """A live run must not be compared with the rehearsal of other files."""
    folder = tmp_path / "migrations" / "first" / "sql"
    folder.mkdir(parents=True)
    text = GOOD.replace('steps = [{ sql = "01.sql" }]', 'steps = [{ flyway = "sql" }]')

    (folder / "V1__a.sql").write_text("SELECT 1;")
    one = _read(tmp_path, text).migration_sha256
    (folder / "V1__a.sql").write_text("SELECT 2;")

    assert _read(tmp_path, text).migration_sha256 != one
