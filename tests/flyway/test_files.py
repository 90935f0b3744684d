"""Flyway's files: names, order, checksums, placeholders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_cutover.flyway import flyway_problems
from pytest_cutover.flyway.files import FlywayError, checksum, resolve
from pytest_cutover.flyway.settings import SettingsError, known_names, read_settings
from pytest_cutover.flyway.version import Version

REAL = [
    ("V3", 60790216, "alter table virksomhet add column navn varchar not null default '';"),
    ("V5", 1895026063, "alter table virksomhet\n    alter column postnummer type varchar;"),
    (
        "V6", -1493468680,
        "alter table sykefravar_statistikk_virksomhet\n  add constraint sykefravar_periode unique (orgnr, arstall, kvartal);",
    ),
    (
        "V7", 2085819180,
        "DELETE FROM\n    virksomhet a\n    USING virksomhet b\nWHERE\n        a.id < b.id\n  AND a.orgnr = b.orgnr;\n\n"
        "alter table virksomhet\n  add constraint virksomhet_unik_orgnr unique (orgnr);",
    ),
    ("V11", -23097316, "alter table virksomhet_statistikk_metadata drop column naring_kode;"),
    ("V12", -1159443775, "alter table virksomhet add column adresse text[] not null default '{}';"),
    ("V15", -1379621340, "alter table ia_sak alter column saksnummer type varchar(26);"),
    ("V17", -1075526830, "alter table ia_sak add column eid_av varchar default null;\n"),
    ("V21", 1129743939, "delete from hendelse_begrunnelse where begrunnelse_enum = 'BEHOV_UTENFOR_IA_AVTALEN';"),
    (
        "V22", -1542988905,
        "alter table sykefravar_statistikk_virksomhet add column endret timestamp default null;\n",
    ),
    ("V26", 1889267882, "alter table ia_sak drop column type;\n"),
    ("V27", 1323783627, "drop index idx_orgnr_virksomhet;"),
    (
        "V29", 1914625834,
        "create index idx_sykefraver_periode_tapte_dagsverk on sykefravar_statistikk_virksomhet(arstall, kvartal, "
        "tapte_dagsverk DESC NULLS LAST)",
    ),
]  # fmt: skip
"""Version, checksum and file. Facts from the public repository navikt/lydia-api: the files lie in
src/main/resources/db/migration/2022, and Flyway's own rows about them in the dump of 2022-07-21 in scripts/db."""


def _folder(root: Path, **files: str) -> Path:
    for name, text in files.items():
        path = root / name.replace("-", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def _names(folder: Path, **settings: Any) -> list[str]:
    return [each.script for each in resolve(folder, read_settings(settings), {}).migrations]


@pytest.mark.parametrize(
    ("expected", "text"), [(each, text) for _, each, text in REAL], ids=[name for name, _, _ in REAL]
)
def test_checksums_are_those_that_flyway_wrote(expected: int, text: str) -> None:
    assert checksum(text) == expected


@pytest.mark.parametrize("text", ["a\r\nb\r\n", "a\rb", "a\nb\n", "\ufeffa\nb"])
def test_line_ends_and_a_byte_order_mark_do_not_count(text: str) -> None:
    """A checkout on another system has other line ends."""
    assert checksum(text) == checksum("a\nb")


def test_blanks_and_order_count() -> None:
    assert len({checksum("a\nb"), checksum("a \nb"), checksum("b\na"), checksum("a\nb;")}) == 4


@pytest.mark.parametrize(
    ("one", "other"), [("2", "10"), ("1.9", "1.10"), ("1", "1.0.1"), ("1_2", "1.3"), ("20240101", "20240102")]
)
def test_versions_are_compared_as_numbers(one: str, other: str) -> None:
    assert Version.parse(one) < Version.parse(other)


def test_zeros_at_the_end_and_in_front_mean_nothing() -> None:
    assert Version.parse("1.2") == Version.parse("1_2.0") == Version.parse("01.02")
    assert hash(Version.parse("1.2")) == hash(Version.parse("1.2.0"))


@pytest.mark.parametrize("text", ["", "1..2", "1a", ".1", "1."])
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no version"):
        Version.parse(text)


def test_versioned_ones_run_by_version_and_repeatable_ones_behind_them_by_description(tmp_path: Path) -> None:
    names = ["V10__z.sql", "V2__a.sql", "R__views.sql", "R__functions.sql", "V1_5__m.sql", "later-V3__n.sql"]
    folder = _folder(tmp_path, **{name: f"SELECT '{name}';" for name in names})

    assert _names(folder) == [
        "V1_5__m.sql", "V2__a.sql", "later/V3__n.sql", "V10__z.sql", "R__functions.sql", "R__views.sql",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["V1__a.sql", "V1_0__b.sql"], "more than one migration with version 1"),
        (["R__a.sql", "x-R__a.sql"], "more than one repeatable migration with description a"),
    ],
)
def test_duplicates_are_errors(tmp_path: Path, names: list[str], told: str) -> None:
    folder = _folder(tmp_path, **dict.fromkeys(names, "SELECT 1;"))

    with pytest.raises(FlywayError, match=told):
        _names(folder)


def test_a_name_that_flyway_passes_over_is_kept_to_be_told(tmp_path: Path) -> None:
    """One underscore instead of two, and the migration never runs."""
    folder = _folder(tmp_path, **{"V1__a.sql": "SELECT 1;", "V2_b.sql": "SELECT 2;", "notes.txt": "x"})

    found = resolve(folder, read_settings({}), {})

    assert [each.script for each in found.migrations] == ["V1__a.sql"]
    assert [name for name, _ in found.unrecognised] == ["V2_b.sql"]
    with pytest.raises(FlywayError, match=r"Invalid SQL filenames found: V2_b\.sql"):
        resolve(folder, read_settings({"validateMigrationNaming": True}), {})


@pytest.mark.parametrize("name", ["V2__b.SQL", "V2__b.sql.txt", "V2_b", "R__views.psql", "v2__b.sql", "2__b.sql"])
def test_a_file_that_looks_like_a_migration_is_not_lost_in_silence(tmp_path: Path, name: str) -> None:
    """Flyway takes it for something else, and the person who wrote it does not."""
    folder = _folder(tmp_path, **{"V1__a.sql": "SELECT 1;", name: "SELECT 2;", "V1__a.sql.conf": "", "notes.md": ""})

    assert [found for found, _ in resolve(folder, read_settings({}), {}).unrecognised] == [name]


def test_undo_migrations_are_passed_over(tmp_path: Path) -> None:
    """They belong to another command of Flyway."""
    folder = _folder(tmp_path, **{"V1__a.sql": "SELECT 1;", "U1__a.sql": "SELECT 2;"})

    found = resolve(folder, read_settings({}), {})

    assert [each.script for each in found.migrations] == ["V1__a.sql"]
    assert found.unrecognised == ()


def test_placeholders_are_filled_in_whatever_their_case(tmp_path: Path) -> None:
    folder = _folder(tmp_path, **{"V1__a.sql": "GRANT SELECT ON t TO ${Reader}; -- ${flyway:filename}"})

    (found,) = resolve(folder, read_settings({}), {"reader": "report"}).migrations

    assert found.text == "GRANT SELECT ON t TO report; -- V1__a.sql"
    assert found.checksum == checksum("GRANT SELECT ON t TO ${Reader}; -- ${flyway:filename}")


def test_a_repeatable_one_is_hashed_as_it_runs(tmp_path: Path) -> None:
    """Another placeholder value makes it run again."""
    folder = _folder(tmp_path, **{"R__a.sql": "GRANT SELECT ON t TO ${reader};"})

    (found,) = resolve(folder, read_settings({}), {"reader": "report"}).migrations

    assert found.checksum == checksum("GRANT SELECT ON t TO report;")
    assert found.matches(found.checksum) and found.matches(found.raw_checksum) and not found.matches(1)


def test_a_repeatable_one_may_not_depend_on_the_run(tmp_path: Path) -> None:
    """Its checksum would be another one each time."""
    folder = _folder(tmp_path, **{"R__a.sql": "-- ${flyway:timestamp}\nSELECT 1;"})

    ((key, text),) = flyway_problems(folder, {}, {})

    assert key == "flyway"
    assert "R__a.sql: a repeatable migration is hashed as it runs" in text


def test_a_placeholder_without_a_value_is_named_with_its_line(tmp_path: Path) -> None:
    folder = _folder(tmp_path, **{"V1__a.sql": "SELECT 1;\n-- ${x}\n"})

    with pytest.raises(FlywayError, match=r"V1__a\.sql:2: No value provided for placeholder: \$\{x\}"):
        _names(folder)
    assert _names(folder, placeholderReplacement=False) == ["V1__a.sql"]
    assert _names(folder, placeholderPrefix="#[") == ["V1__a.sql"]


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"outOfOder": True}, 'Did you mean "outOfOrder"?'),
        ({"cleanOnValidationError": True}, "it would wipe the database"),
        ({"url": "jdbc:postgresql://production/parking"}, "it is the sandbox's"),
        ({"callbacks": "x"}, "callbacks are not run here"),
        ({"outOfOrder": "true"}, "write true or false"),
        ({"ignoreMigrationPatterns": "*:gone"}, "is no pattern"),
        ({"encoding": "latin1"}, "read as UTF-8"),
        ({"target": "x"}, "is no version"),
    ],
)
def test_a_setting_that_is_unknown_or_does_harm_is_refused_by_name(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings(settings)

    assert told in str(caught.value)
    assert next(iter(settings)) in str(caught.value)


def test_the_spelling_of_spring_is_understood() -> None:
    """The settings can be copied from the application's configuration."""
    found = read_settings({"out-of-order": True, "spring": {"flyway": {"baseline-on-migrate": True}}})

    assert found.out_of_order and found.baseline_on_migrate


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("beforeMigrate.sql", "is a Flyway callback"),
        ("afterMigrate__grants.sql", "is a Flyway callback"),
        ("V2__code.java", "is a migration in code"),
        ("B2__base.sql", "is a baseline migration"),
    ],
)
def test_a_file_that_would_be_left_out_is_refused_by_name(tmp_path: Path, name: str, told: str) -> None:
    folder = _folder(tmp_path, **{"V1__a.sql": "SELECT 1;", name: "x"})

    ((key, text),) = flyway_problems(folder, {}, {})

    assert key == "flyway"
    assert name in text and told in text


def test_a_folder_without_a_migration_is_refused(tmp_path: Path) -> None:
    assert "holds no migration" in flyway_problems(tmp_path, {}, {})[0][1]


def test_the_page_names_every_setting() -> None:
    """A setting that is understood and nowhere told is of no use."""
    page = (Path(__file__).parents[2] / "docs" / "flyway.md").read_text(encoding="utf-8")
    older = {f"ignore{what}Migrations" for what in ("Missing", "Pending", "Ignored", "Future")}

    assert [name for name in known_names() if f"`{name}`" not in page and name not in older] == []
