"""Two baselines side by side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_cutover.catalog import Catalog, read_catalog
from pytest_cutover.compare import Comparison, compare_files
from pytest_cutover.compare.rendering import as_text
from pytest_cutover.live.baseline import Baseline, save_baseline
from pytest_cutover.target import Target

TABLES = "CREATE TABLE a (id int PRIMARY KEY, name text); CREATE TABLE b (id int); CREATE INDEX by_name ON a (name);"


@pytest.fixture
def baseline(new_database: Callable[..., Target]) -> Baseline:
    with new_database(TABLES).connect() as connection:
        catalog = read_catalog(connection)
    return Baseline("orders", "production", "2026-01-15T03:00:00Z", "m" * 64, "17.1", {"a": 10, "b": 3}, {}, catalog)


@pytest.fixture
def compare(tmp_path: Path) -> Callable[[Baseline, Baseline], Comparison]:
    def compare(first: Baseline, second: Baseline) -> Comparison:
        save_baseline(first, tmp_path / "a.json")
        save_baseline(second, tmp_path / "b.json")
        return compare_files(tmp_path / "a.json", tmp_path / "b.json")

    return compare


def told(comparison: Comparison) -> list[tuple[str, str, str]]:
    return [(each.sort, each.subject, each.text) for part in comparison.parts for each in part.changes]


Compare = Callable[[Baseline, Baseline], Comparison]


def test_a_baseline_is_the_same_as_itself(baseline: Baseline, compare: Compare) -> None:
    comparison = compare(baseline, baseline)

    assert not comparison.worse and told(comparison) == []
    assert "no difference: A has " in as_text(comparison) and "the row counts of 2 tables" in as_text(comparison)


def test_objects_that_differ_are_named_and_worse(
    baseline: Baseline, compare: Compare, new_database: Callable[..., Target]
) -> None:
    """As `schema_as_rehearsed` names them."""
    drifted = (
        TABLES + "DROP INDEX by_name; ALTER TABLE b ADD COLUMN more int; ALTER TABLE a ALTER COLUMN name SET NOT NULL"
    )
    with new_database(drifted).connect() as connection:
        catalog = read_catalog(connection)

    comparison = compare(baseline, replace(baseline, catalog=catalog))

    assert comparison.worse
    assert {(subject, text.partition(":")[0]) for _, subject, text in told(comparison)} >= {
        ("index:by_name", "only in A"), ("column:b.more", "only in B"), ("column:a.name", "differs"),
    }  # fmt: skip


@pytest.mark.parametrize(("rows", "sort"), [({"a": 11, "b": 3}, "different"), ({"a": 9, "b": 3}, "worse")])
def test_rows_may_grow(baseline: Baseline, compare: Compare, rows: dict[str, int], sort: str) -> None:
    """People go on working; fewer rows are another matter."""
    comparison = compare(baseline, replace(baseline, rows=rows))

    assert told(comparison) == [(sort, "rows of a", f"10 → {rows['a']}")]


def test_a_table_that_was_not_counted_is_not_the_same(baseline: Baseline, compare: Compare) -> None:
    """Neither now nor in both."""
    uncounted = replace(baseline, rows={"a": 10}, uncounted={"b": "it takes longer than 5 s"})

    assert told(compare(baseline, uncounted)) == [("worse", "rows of b", "3 → not counted")]
    assert told(compare(uncounted, uncounted)) == [("different", "rows of b", "counted in neither")]


def test_what_the_baselines_are_of_is_told(baseline: Baseline, compare: Compare) -> None:
    """Two servers of different versions can be compared."""
    other = replace(
        baseline, target="staging", migration_sha256="n" * 64, server_version="18.0",
        catalog=Catalog.from_json(baseline.catalog.to_json() | {"server_version": 180000}),
    )  # fmt: skip

    comparison = compare(baseline, other)

    assert [each[1] for each in told(comparison)] == ["target", "server", "migration"]
    assert not comparison.worse
