"""There are as many objects as there should be."""

from __future__ import annotations

import pytest

from tests.criteria.conftest import problem, read

BASE = """
CREATE TABLE lots (id int PRIMARY KEY, code text UNIQUE, CHECK (id > 0));
CREATE TABLE spaces (id int PRIMARY KEY, lot int REFERENCES lots);
CREATE TABLE logs (day int) PARTITION BY LIST (day);
CREATE TABLE logs_1 PARTITION OF logs FOR VALUES IN (1);
CREATE SCHEMA archive; CREATE TABLE archive.lots (id int);
CREATE VIEW free AS SELECT * FROM spaces;
CREATE MATERIALIZED VIEW totals AS SELECT count(*) FROM spaces;
CREATE TYPE mood AS ENUM ('calm'); CREATE DOMAIN cents AS int;
CREATE FUNCTION f(int) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE SEQUENCE numbers;
CREATE POLICY own ON lots;
"""


@pytest.mark.parametrize(
    ("word", "number"),
    [
        ("tables", 5), ("views", 1), ("materialized_views", 1), ("primary_keys", 2), ("foreign_keys", 1),
        ("unique_constraints", 1), ("check_constraints", 1), ("constraints", 5), ("indexes", 3), ("sequences", 1),
        ("functions", 1), ("policies", 1), ("enums", 1), ("domains", 1), ("types", 2), ("schemas", 2), ("triggers", 0),
        ("columns", 7),
    ],
)  # fmt: skip
def test_each_word_counts_its_objects(migrated, word, number):
    """As a person would count them in pg_catalog."""
    pair = migrated(BASE)

    assert pair.check("object_count", object=word, before=number, after=number).actual == str(number)
    assert not pair.check("object_count", object=word, after=number + 1).holds


def test_one_schema_alone(migrated):
    """A table of the same name in another schema does not count."""
    pair = migrated(BASE)

    assert pair.check("object_count", object="tables", schema="archive", after=1).holds
    assert pair.check("object_count", object="tables", schema="public", after=4).holds


def test_a_schema_that_is_not_there_fails(migrated):
    """Nothing in no schema is not "0 tables"."""
    finding = migrated(BASE).check("object_count", object="tables", schema="archiv", after=0)

    assert finding.message == "there is no schema archiv"


def test_what_came_and_went_is_named(migrated):
    """One dropped and another one made leave the count; the message of a wrong one names them."""
    finding = migrated(BASE, "DROP TABLE spaces CASCADE; CREATE TABLE a (); CREATE TABLE b ()").check(
        "object_count", object="tables", before=5, after=5
    )

    assert finding.message == "6 tables after the migration, expected 5; gone: spaces; new: a, b"
    assert finding.before == "5"
    assert finding.held_before is True


def test_a_wrong_number_before_fails(migrated):
    """Then the plan was written for another database."""
    finding = migrated(BASE).check("object_count", object="foreign_keys", before=38)

    assert finding.message == "1 foreign key before the migration, expected 38"


def test_what_belongs_to_an_extension_is_not_counted(migrated):
    """Its functions are nobody's migration."""
    assert migrated("CREATE EXTENSION pg_trgm").check("object_count", object="functions", after=0).holds


def test_a_word_that_means_nothing_is_a_mistake():
    """A misspelt kind would count nothing."""
    assert "tables" in problem("object_count", object="table", after=1)
    assert "give `after`" in problem("object_count", object="tables")


def test_numbers_may_be_ranges():
    """As everywhere in a plan."""
    assert 5 in read("object_count", object="tables", after="3..5").after
