"""Two baselines: which objects differ, and how many rows each table had."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pytest_cutover.compare.model import Change, Comparison, Part, Side, Sort, changed
from pytest_cutover.compare.schemas import schema_changes
from pytest_cutover.errors import CutoverError
from pytest_cutover.live.baseline import Baseline, load_baseline
from pytest_cutover.report import text


def compare_baselines(paths: tuple[Path, Path]) -> Comparison:
    """What the second baseline has otherwise. An object that differs is worse, as is a table with fewer rows.

    Raises:
        CutoverError: one cannot be read.
    """
    first, second = (_load(path) for path in paths)
    found = schema_changes(first.catalog, second.catalog, "worse")
    found += _rows(first, second)
    found += changed("plan", first.plan, second.plan)
    found += changed("target", first.target, second.target)
    found += changed("server", first.server_version, second.server_version)
    if first.migration_sha256 != second.migration_sha256:
        hashes = f"{str(first.migration_sha256)[:12]} → {str(second.migration_sha256)[:12]}"
        found.append(Change("different", "migration", f"another one: {hashes}"))
    objects, tables = len(first.catalog.objects()), text.some(len(first.rows), "table")
    same = f"A has {text.some(objects, 'object')}, and the row counts of {tables}"
    return Comparison(
        (_side(paths[0], first), _side(paths[1], second)), (Part(str(first.plan), tuple(found), same),)
    )  # fmt: skip


def _load(path: Path) -> Baseline:
    found = load_baseline(path)
    if found is None:
        raise CutoverError(f"{path}: there is no such file")
    return found


def _side(path: Path, baseline: Baseline) -> Side:
    facts = (
        "baseline",
        baseline.plan,
        baseline.target,
        text.moment(baseline.taken),
        f"server {baseline.server_version}",
    )
    return Side(str(path), tuple(text.one_line(fact) for fact in facts))


def _rows(first: Baseline, second: Baseline) -> Iterator[Change]:
    for name in dict.fromkeys([*first.rows, *first.uncounted, *second.rows, *second.uncounted]):
        was, now = first.rows.get(name), second.rows.get(name)
        if now is None and was is None:
            yield Change("different", f"rows of {name}", "counted in neither")
            continue
        if name not in {*first.catalog.tables} & {*second.catalog.tables}:
            continue  # the differences of the schema say so
        lost = now is None or (was is not None and now < was)
        sort: Sort = "worse" if lost else "different"
        yield from changed(f"rows of {name}", _counted(was), _counted(now), sort)


def _counted(number: int | None) -> str:
    return "not counted" if number is None else f"{number:,}"
