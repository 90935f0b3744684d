"""A column is as described."""

from __future__ import annotations

import pytest

from tests.criteria.conftest import problem

BASE = """
CREATE TYPE mood AS ENUM ('calm', 'busy');
CREATE DOMAIN cents AS integer NOT NULL DEFAULT 0;
CREATE TABLE t (
    id bigint GENERATED ALWAYS AS IDENTITY, n integer NOT NULL, code varchar(20) DEFAULT 'abc', at timestamptz DEFAULT now(),
    tags text[], m mood DEFAULT 'calm', price numeric(5, 2) DEFAULT -1.5, c cents, twice int GENERATED ALWAYS AS (2) STORED,
    ok boolean NOT NULL DEFAULT true, num serial
);
"""


@pytest.mark.parametrize(
    ("column", "keys"),
    [
        ("n", {"type": "int4", "nullable": False, "default": ""}),
        ("n", {"type": "INTEGER", "default": False}),
        ("code", {"type": "character varying(20)", "nullable": True, "default": "'abc'"}),
        ("at", {"type": "timestamp with time zone", "default": "now()"}),
        ("tags", {"type": "text[]", "default": ""}),
        ("m", {"type": "mood", "default": "'calm'::mood"}),
        ("m", {"type": "public.mood", "default": "'calm'"}),
        ("price", {"type": "decimal(5,2)", "default": -1.5}),
        ("c", {"type": "cents", "nullable": False, "default": 0}),
        ("ok", {"type": "bool", "default": "true"}),
        ("num", {"default": "nextval('t_num_seq')"}),
        ("id", {"type": "bigint"}),
        ("twice", {}),
    ],
)
def test_every_spelling_of_what_is_there_holds(migrated, column, keys):
    """Types, defaults and names in any of PostgreSQL's ways."""
    finding = migrated(BASE).check("column", table="t", column=column, **keys)

    assert finding.holds, finding
    assert finding.held_before is True


@pytest.mark.parametrize(
    ("column", "keys", "message"),
    [
        ("n", {"type": "bigint"}, "t.n has the type integer, expected is bigint"),
        ("code", {"type": "varchar(21)"}, "t.code has the type character varying(20), expected is varchar(21)"),
        ("code", {"type": "text"}, "t.code has the type character varying(20), expected is text"),
        ("at", {"type": "timestamp"}, "t.at has the type timestamp with time zone, expected is timestamp"),
        ("tags", {"type": "text"}, "t.tags has the type text[], expected is text"),
        ("code", {"nullable": False}, "t.code may hold NULL, expected is NOT NULL"),
        ("n", {"nullable": True}, "t.n is NOT NULL, expected is nullable"),
        ("n", {"default": 0}, "t.n has no default, expected is 0"),
        ("code", {"default": "'abd'"}, "t.code has the default 'abc'::character varying, expected is 'abd'"),
        ("ok", {"default": ""}, "t.ok has the default true, expected is none"),
        ("id", {"default": ""}, "t.id has the default generated always as identity, expected is none"),
        ("twice", {"default": False}, "t.twice has the default generated always as 2 stored, expected is none"),
        ("c", {"default": ""}, "t.c has the default 0, expected is none"),
        ("c", {"nullable": True}, "t.c is NOT NULL, expected is nullable"),
        ("num", {"default": "nextval('other_seq')"},
         "t.num has the default nextval('public.t_num_seq'::regclass), expected is nextval('other_seq')"),
    ],
)  # fmt: skip
def test_every_difference_is_told(migrated, column, keys, message):
    """Identity, generated values and a domain's default are supplied by the database, too."""
    finding = migrated(BASE).check("column", table="t", column=column, **keys)

    assert not finding.holds
    assert finding.message == message


def test_a_missing_column_fails(migrated):
    """With the nearest name."""
    finding = migrated(BASE).check("column", table="t", column="cod")

    assert finding.message == 't has no column cod; did you mean "code"?'
    assert finding.held_before is False


def test_a_new_column_did_not_hold_before(migrated):
    """The report says what the migration brought."""
    finding = migrated(BASE, "ALTER TABLE t ADD cid int").check("column", table="t", column="cid", type="int")

    assert finding.holds
    assert finding.before == "no column cid"
    assert finding.held_before is False
    assert finding.actual == "integer, nullable, no default"


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"type": "serial"}, "is no type of a column"),
        ({"type": "int; DROP TABLE t"}, "is no type"),
        ({"type": "int)"}, "is no type"),
        ({"type": "varchr("}, "is no type"),
        ({"default": "(("}, "is no expression"),
        ({"default": True}, 'default = "true"'),
        ({"default": [1]}, "write a number, a text, true or false"),
        ({"nullable": "yes"}, "valid boolean"),
    ],
)
def test_what_cannot_be_is_a_mistake(keys, message):
    """Found when the plan is read."""
    assert message in problem("column", table="t", column="c", **keys)
