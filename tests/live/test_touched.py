"""Which tables a migration touches, as far as the plan and the catalogs know."""

from __future__ import annotations

from collections.abc import Callable

from pytest_cutover.catalog import read_catalog
from pytest_cutover.live.touched import added_indexes, touched_tables
from pytest_cutover.plan.model import Changes
from pytest_cutover.target import Target

SCHEMA = """
CREATE TABLE lots (id int PRIMARY KEY); CREATE SCHEMA app; CREATE TABLE app.bookings (id int, lot int REFERENCES lots);
CREATE INDEX by_lot ON app.bookings (lot); CREATE TABLE tenants (id int PRIMARY KEY); CREATE TABLE alone (id int);
"""


def touched(target: Target, *added: str, **rows: object) -> tuple[str, ...]:
    with target.connect() as connection:
        return touched_tables(Changes.model_validate({"added": added, "rows": rows}), (read_catalog(connection),))


def test_what_belongs_to_a_table_touches_it(new_database: Callable[..., Target]) -> None:
    """An index is found by the catalog; a column that is not there yet by its name."""
    target = new_database(SCHEMA)

    assert touched(target, "index:app.by_lot") == ("app.bookings",)
    assert touched(target, "column:app.bookings.to_come", "policy:tenants.p") == ("app.bookings", "tenants")
    assert touched(target, alone={"changed": ["id"]}) == ("alone",)
    assert touched(target, "table:new", "function:f()") == ("new",)


def test_a_foreign_key_locks_the_table_that_it_refers_to(new_database: Callable[..., Target]) -> None:
    assert touched(new_database(SCHEMA), "constraint:app.bookings.bookings_lot_fkey") == ("app.bookings", "lots")


def test_the_index_of_an_added_constraint_is_an_added_index(new_database: Callable[..., Target]) -> None:
    changes = Changes.model_validate({"added": ["constraint:tenants.tenants_pkey", "index:app.by_lot"]})
    with new_database(SCHEMA).connect() as connection:
        assert added_indexes(changes, read_catalog(connection)) == ("app.by_lot", "tenants_pkey")
