"""Where a plan fools itself: what is in order as a plan and may all the same not mean what its author thinks.

A warning never changes a verdict. `cutover check` prints those that the plan alone tells, the report also those that
the catalogs of a rehearsal tell. Only what is certain is said.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pytest_cutover.catalog import Catalog
from pytest_cutover.criteria.accepted import Accepted
from pytest_cutover.criteria.inventory import kind_of_word
from pytest_cutover.criteria.not_null import NotNull
from pytest_cutover.criteria.object_count import ObjectCount
from pytest_cutover.criteria.unique import Unique
from pytest_cutover.names import DEFAULT_SCHEMA, split_name
from pytest_cutover.plan.model import Plan
from pytest_cutover.plan.values import Range

_MEMBERS = {"constraint": 3, "policy": 3, "trigger": 3}
"""Kinds whose objects come and go with their table and else are declared by name; the parts of a full name."""

_TEXT = re.compile(r"'((?:[^']|'')*)'(?:::[\w\s\"().,]+)?")
_NUMBER = re.compile(r"\(?'?(-?\d+(?:\.\d+)?)'?\)?(?:::[\w\s().,]+)?")


def plan_warnings(plan: Plan) -> list[str]:
    """What the plan's own numbers contradict."""
    counts = [each for each in plan.criteria if isinstance(each, ObjectCount)]
    return [f"{each.id}: {text}" for each in counts for text in _contradicted(each, plan)]


def rehearsal_warnings(plan: Plan, before: Catalog, after: Catalog) -> list[str]:
    """What criteria of the plan do not see in the migrated schema."""
    return [*_unique_with_nulls(plan, before, after), *_fillers(plan, before, after)]


def _exact(count: Range | None) -> int | None:
    return count.minimum if count is not None and count.minimum == count.maximum else None


def _contradicted(criterion: ObjectCount, plan: Plan) -> Iterator[str]:
    before, after = _exact(criterion.before), _exact(criterion.after)
    changes = plan.file.changes
    names = [*changes.added, *changes.dropped]
    # An object that goes with its schema is not declared by name.
    if before is None or after is None or any(name.startswith("schema:") for name in names):
        return
    kind = kind_of_word(criterion.object)
    added = _declared(changes.added, kind, criterion.schema_)
    dropped = _declared(changes.dropped, kind, criterion.schema_)
    what = criterion.object.replace("_", " ")
    if criterion.object == "tables":
        if before + added - dropped != after:
            yield (
                f"{before} {what} before and {after} after, but [changes] adds {added} and drops {dropped}: "
                f"{before} + {added} - {dropped} = {before + added - dropped}"
            )
    elif kind in _MEMBERS:
        tables = ("table:", "view:")
        if after - before > added and not any(name.startswith(tables) for name in changes.added):
            yield f"{before} {what} before and {after} after, but [changes] adds {added} and no table that may have some"
        if before - after > dropped and not any(name.startswith(tables) for name in changes.dropped):
            yield f"{before} {what} before and {after} after, but [changes] drops {dropped} and no table that has some"


def _declared(names: list[str], kind: str, schema: str | None) -> int:
    """How many names of the kind there are, in the schema or in all; of a constraint of any type."""
    found = [split_name(name.removeprefix(f"{kind}:")) for name in names if name.startswith(f"{kind}:")]
    full = _MEMBERS.get(kind, 2)
    return sum(schema in (None, parts[0] if len(parts) == full else DEFAULT_SCHEMA) for parts in found)


def _unique_with_nulls(plan: Plan, before: Catalog, after: Catalog) -> Iterator[str]:
    """New unique constraints and indexes, and criteria, that do not see rows with NULL."""
    for name, constraint in sorted(after.constraints.items()):
        if constraint.type == "unique" and name not in before.constraints:
            nullable = _nullable(after, constraint.table, constraint.columns)
            if nullable and "NULLS NOT DISTINCT" not in constraint.definition:
                yield _lets_through(f"constraint:{name}", nullable)
    for name, index in sorted(after.indexes.items()):
        if index.unique and index.constraint is None and index.predicate is None and name not in before.indexes:
            nullable = _nullable(after, index.table, index.columns)
            if nullable and "NULLS NOT DISTINCT" not in index.definition:
                yield _lets_through(f"index:{name}", nullable)
    for each in plan.criteria:
        if isinstance(each, Unique) and each.nulls == "distinct":
            nullable = _nullable(after, each.table, tuple(each.columns))
            if nullable:
                yield f"{each.id}: a row with NULL in {nullable} is never a duplicate here, and {nullable} may hold NULL"


def _lets_through(name: str, nullable: str) -> str:
    return f"{name} is unique and new, and lets any number of equal rows through that hold NULL in {nullable}"


def _nullable(catalog: Catalog, table: str, columns: tuple[str, ...]) -> str:
    return ", ".join(each.name for each in catalog.columns_of(table) if each.name in columns and each.nullable)


def _fillers(plan: Plan, before: Catalog, after: Catalog) -> Iterator[str]:
    """Criteria on a new column that its own default meets: whoever forgets to fill it fills it all the same."""
    for each in plan.criteria:
        if isinstance(each, (NotNull, Accepted)):
            for name in each.columns if isinstance(each, NotNull) else [each.column]:
                known = {column.name for column in before.columns_of(each.table)}
                found = next((column for column in after.columns_of(each.table) if column.name == name), None)
                if found is None or name in known or found.default is None or found.generated is not None:
                    continue
                value = _constant(found.default)
                if value is not None and (isinstance(each, NotNull) or _accepts(each, value)):
                    yield f"{each.id}: a row that nobody filled holds the default of {name}, which counts as filled"


def _constant(default: str) -> str | None:
    """The text of a default that is one text or number; None for any other expression."""
    for pattern in (_NUMBER, _TEXT):
        match = pattern.fullmatch(default)
        if match is not None:
            return match[1].replace("''", "'")
    return None


def _accepts(criterion: Accepted, value: str) -> bool:
    """True where the value is certainly accepted."""
    if criterion.values is not None:
        return value in map(str, criterion.values)
    try:
        number = float(value)
        return (criterion.min is None or float(criterion.min) <= number) and (
            criterion.max is None or number <= float(criterion.max)
        )
    except (TypeError, ValueError):
        return False
