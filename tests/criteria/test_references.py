"""References lead to rows that agree."""

from __future__ import annotations

import pytest

from pytest_cutover.errors import NotChecked
from tests.criteria.conftest import problem

BASE = """
CREATE TABLE series (id int, league_id int, name text);
CREATE TABLE players (id int PRIMARY KEY, series_id int, league_id int);
INSERT INTO series VALUES (11, 1, 'North'), (12, 2, 'South');
INSERT INTO players VALUES (1, 11, 1), (2, 12, 2), (3, NULL, 2);
"""
KEYS = {"table": "players", "columns": ["series_id"], "to": "series", "to_columns": ["id"]}


def test_references_that_lead_somewhere_hold(migrated):
    """Without a declared key on either side; a row with NULL refers to nothing, and that is said."""
    finding = migrated(BASE).check("references", **KEYS, match=["league_id"])

    assert finding.holds
    assert finding.message == (
        "all 2 references from players lead to a row of series and agree in league_id; 1 row with NULL left out"
    )


def test_orphans_fail(migrated):
    """The table has no foreign key that would have refused the DELETE."""
    finding = migrated(BASE, "DELETE FROM series WHERE id = 12").check("references", **KEYS)

    assert finding.message == "1 of 2 references from players to series lead to no row"
    assert finding.actual == "1 row"
    assert finding.held_before is True
    assert finding.evidence[0].title == "Rows of players that lead to no row of series"
    assert [row[0] for row in finding.evidence[0].rows] == ["2"]


def test_mismatches_and_orphans_are_told_apart(migrated):
    """Each has its own evidence."""
    finding = migrated(
        BASE, "UPDATE players SET series_id = 99 WHERE id = 1; UPDATE players SET league_id = 1 WHERE id = 2"
    ).check("references", **KEYS, match=["league_id"])

    assert finding.message == "1 of 2 references from players to series lead to no row, and 1 disagree in league_id"
    assert finding.actual == "1 row without a parent, 1 row in disagreement"
    assert [block.total for block in finding.evidence] == [1, 1]


def test_a_doubled_parent_does_not_hide_a_mismatch(migrated):
    """One of the two rows with the id agrees; the other one does not."""
    finding = migrated(BASE, "INSERT INTO series VALUES (11, 3, 'North again')").check(
        "references", **KEYS, match=["league_id"]
    )

    assert not finding.holds
    assert "1 of 2 references from players to series disagree in league_id" in finding.message


def test_null_agrees_with_nothing(migrated):
    """A league that nobody filled in is no agreement."""
    finding = migrated(BASE, "UPDATE players SET league_id = NULL; UPDATE series SET league_id = NULL").check(
        "references", **KEYS, match=["league_id"]
    )

    assert "2 of 2 references from players to series disagree" in finding.message


def test_match_may_name_different_columns(migrated):
    """{ own = "other" }."""
    pair = migrated(BASE, "ALTER TABLE players RENAME league_id TO plays_in")

    assert pair.check("references", **KEYS, match={"plays_in": "league_id"}).holds
    assert not pair.check("references", **KEYS, match={"plays_in": "id"}).holds


def test_references_that_were_all_lost_fail(migrated):
    """Setting them to NULL leaves no orphan."""
    finding = migrated(BASE, "UPDATE players SET series_id = NULL").check("references", **KEYS)

    assert not finding.holds
    assert finding.message == (
        "none of 3 rows of players refers to series: all hold NULL in series_id, and some did before"
    )


def test_references_that_nobody_filled_are_not_checked(migrated):
    """A new column full of NULL proves nothing."""
    pair = migrated(BASE, "ALTER TABLE players ADD COLUMN other_id int")

    with pytest.raises(NotChecked, match="so this proves nothing"):
        pair.check("references", table="players", columns=["other_id"], to="series", to_columns=["id"])


def test_an_emptied_parent_makes_orphans(migrated):
    """No parent is no excuse."""
    finding = migrated(BASE, "TRUNCATE series").check("references", **KEYS)

    assert finding.actual == "2 rows"


def test_a_parent_without_primary_key_asks_for_the_columns(migrated):
    """`to_columns` may be left out only where the primary key says them."""
    finding = migrated(BASE).check("references", table="players", columns=["series_id"], to="series")

    assert finding.message == "series has no primary key of 1 columns; give `to_columns`"


def test_composite_references_need_all_their_columns(migrated):
    """As MATCH SIMPLE: a row with one NULL refers to nothing."""
    pair = migrated(
        "CREATE TABLE a (x int, y int, PRIMARY KEY (x, y)); CREATE TABLE b (id int PRIMARY KEY, x int, y int);"
        "INSERT INTO a VALUES (1, 2); INSERT INTO b VALUES (1, 1, 2), (2, 2, 1), (3, 1, NULL)"
    )

    finding = pair.check("references", table="b", columns=["x", "y"], to="a")

    assert finding.message == "1 of 2 references from b to a lead to no row"
    assert [row[0] for row in finding.evidence[0].rows] == ["2"]


def test_columns_that_do_not_pair_are_a_mistake():
    """One column cannot refer to two."""
    assert "1 columns cannot refer to 2" in problem(
        "references", table="a", columns=["x"], to="b", to_columns=["x", "y"]
    )


@pytest.mark.parametrize("match", ["league_id", [1], {}, {"a": 1}, {"a.b": "c"}])
def test_what_pairs_no_columns_is_a_mistake(match):
    """An empty `match` would compare nothing."""
    assert problem("references", table="a", columns=["x"], to="b", match=match)
