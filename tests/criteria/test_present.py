"""Named objects are there and have effect."""

from __future__ import annotations

import pytest

from tests.criteria.conftest import problem

BASE = """
CREATE TABLE lots (id int PRIMARY KEY, code text);
INSERT INTO lots VALUES (1, 'a'), (2, 'a');
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER touched BEFORE UPDATE ON lots FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TABLE spaces (id int, lot int CONSTRAINT to_lot REFERENCES lots);
CREATE MATERIALIZED VIEW totals AS SELECT count(*) FROM spaces;
"""


def test_objects_of_every_kind_are_found(migrated):
    """`public` may be written or left out."""
    finding = migrated(BASE).check(
        "present",
        names=[
            "table:public.lots", "column:lots.code", "index:lots_pkey", "constraint:spaces.to_lot", "trigger:lots.touched",
            "function:touch()", "view:totals", "schema:public",
        ],
    )  # fmt: skip

    assert finding.holds, finding
    assert finding.message == "all 8 are present"


@pytest.mark.parametrize(
    ("change", "name", "message"),
    [
        ("DROP TRIGGER touched ON lots", "trigger:lots.touched",
         "there is no trigger:lots.touched, though there was before"),
        ("ALTER TABLE lots DISABLE TRIGGER touched", "trigger:lots.touched",
         "trigger:lots.touched is disabled: it does not fire"),
        ("ALTER TABLE spaces DROP CONSTRAINT to_lot, ADD CONSTRAINT to_lot FOREIGN KEY (lot) REFERENCES lots NOT VALID",
         "constraint:spaces.to_lot", "constraint:spaces.to_lot is not validated: rows that were there may violate it"),
        ("ALTER TABLE spaces DISABLE TRIGGER ALL", "constraint:spaces.to_lot",
         "constraint:spaces.to_lot is switched off: its triggers do not fire"),
        ("REFRESH MATERIALIZED VIEW totals WITH NO DATA", "view:totals",
         "view:totals is not populated: it cannot be read"),
    ],
)  # fmt: skip
def test_what_is_gone_or_has_no_effect_fails(migrated, change, name, message):
    """Its name in the catalog is not enough."""
    finding = migrated(BASE, change).check("present", names=[name])

    assert not finding.holds
    assert finding.message == message


def test_an_index_that_could_not_be_built_fails(migrated):
    """CREATE INDEX CONCURRENTLY leaves its name behind; IF NOT EXISTS is then content."""
    pair = migrated(BASE, "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'lots_pkey'::regclass")

    finding = pair.check("present", names=["index:lots_pkey"])

    assert finding.message == "index:lots_pkey is not valid: no query uses it"


def test_what_had_no_effect_before_may_stay_so(migrated):
    """It is not the migration's doing."""
    pair = migrated(BASE + "ALTER TABLE lots DISABLE TRIGGER touched")

    assert pair.check("present", names=["trigger:lots.touched"]).holds


def test_a_misspelt_name_fails_with_the_nearest(migrated):
    """And counts how many of them are there."""
    finding = migrated(BASE).check("present", names=["index:lots_pk", "table:lots"])

    assert finding.message == 'there is no index:lots_pk; did you mean "index:lots_pkey"?'
    assert finding.actual == "1 present, not index:lots_pk"


def test_names_that_cannot_be_are_mistakes():
    """A kind that does not exist, a member without its table, a function without its arguments."""
    assert "kinds: " in problem("present", names=["indx:a"])
    assert "write table.name" in problem("present", names=["column:cid"])
    assert "lacks the argument types" in problem("present", names=["function:f"])
    assert "at least 1 item" in problem("present", names=[])
