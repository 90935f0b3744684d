"""The catalog of a SQLite database holds all that its schema says, in the model that both engines share."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pytest_cutover.catalog import diff
from pytest_cutover.errors import QueryError
from tests.sqlite.conftest import Pair

RICH = """
CREATE TABLE teams (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL COLLATE NOCASE UNIQUE);
CREATE TABLE "odd ""name" ("a.b" INT DEFAULT (1 + 2), [c d] VARCHAR(20) NOT NULL ON CONFLICT IGNORE, x);
CREATE TABLE players (
    id INTEGER PRIMARY KEY, -- the rowid
    team INTEGER REFERENCES teams ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED,
    shirt INTEGER NOT NULL DEFAULT -1 CHECK (shirt <> 0), label TEXT GENERATED ALWAYS AS ('#' || shirt) STORED,
    half AS (shirt / 2),
    CONSTRAINT one_shirt UNIQUE (team, shirt) CHECK (id > 0)
    FOREIGN KEY (team, shirt) REFERENCES other (a, b)
);
CREATE TABLE pairs (a TEXT, b TEXT, PRIMARY KEY (a, b DESC)) WITHOUT ROWID, STRICT;
CREATE INDEX by_shirt ON players (shirt DESC, lower(label)) WHERE shirt > 3;
CREATE UNIQUE INDEX one_name ON teams (name);
CREATE VIEW shirts AS SELECT id, shirt FROM players;
CREATE VIEW broken AS SELECT * FROM nowhere;
CREATE TRIGGER stamped AFTER UPDATE ON teams BEGIN
    UPDATE teams SET name = CASE WHEN 1 THEN upper(name) END WHERE id = new.id;
END;
INSERT INTO teams (name) VALUES ('a'), ('b');
PRAGMA user_version = 3;
"""


def test_every_object_is_read(migrated: Callable[..., Pair]) -> None:
    """Names are spelled as for PostgreSQL, and what has no name gets the one that PostgreSQL would give."""
    catalog = migrated(RICH).before.catalog

    assert set(catalog.tables) == {"teams", '"odd ""name"', "players", "pairs"}
    assert set(catalog.constraints) == {
        "teams.teams_pkey", "teams.teams_name_key", "players.players_pkey", "players.players_team_fkey",
        "players.players_shirt_check", "players.one_shirt", "players.players_check", "players.players_team_shirt_fkey",
        "pairs.pairs_pkey",
    }  # fmt: skip
    assert set(catalog.indexes) == {"by_shirt", "one_name"}
    assert set(catalog.views) == {"shirts", "broken"}
    assert set(catalog.triggers) == {"teams.stamped"}
    assert catalog.sequences["teams"].last_value == 2
    assert catalog.others["setting:user_version"].attributes == (("value", "3"),)
    assert "setting:journal_mode" in catalog.objects()


def test_columns_say_all_that_their_text_says(migrated: Callable[..., Pair]) -> None:
    """Type, nullability, default, collation and generation are the column's."""
    columns = migrated(RICH).before.catalog.columns

    assert [columns[f"players.{name}"].nullable for name in ("id", "team", "shirt")] == [False, True, False]
    assert columns["players.shirt"].default == "-1"
    assert (columns["players.label"].generated, columns["players.label"].default) == ("stored", "'#' || shirt")
    assert columns["players.half"].generated == "virtual"
    assert columns["teams.name"].collation == "NOCASE"
    assert columns["teams.id"].options == ("autoincrement",)
    assert columns['"odd ""name"."a.b"'].default == "1 + 2"
    assert columns['"odd ""name".c d'].type == "VARCHAR(20)"
    assert columns['"odd ""name".c d'].options == ("ON CONFLICT IGNORE",)
    assert [columns[f"pairs.{name}"].nullable for name in "ab"] == [False, False]


def test_constraints_say_what_they_refer_to(migrated: Callable[..., Pair]) -> None:
    """A foreign key names its table and columns, and when it is checked."""
    constraints = migrated(RICH).before.catalog.constraints
    key = constraints["players.players_team_fkey"]

    assert (key.references, key.columns, key.deferrable, key.deferred) == ("teams", ("team",), True, True)
    assert constraints["players.players_team_shirt_fkey"].references_columns == ("a", "b")
    assert constraints["players.players_shirt_check"].definition == "CHECK (shirt <> 0)"
    assert constraints["pairs.pairs_pkey"].columns == ("a", "b")
    assert migrated(RICH).before.catalog.primary_key("teams") == ("id",)


def test_a_copy_has_the_same_catalog(migrated: Callable[..., Pair]) -> None:
    """Reading is the same twice, and writes nothing."""
    pair = migrated(RICH)
    before = pair.before.target.path.read_bytes()

    assert not diff(pair.before.catalog, pair.after.catalog)
    assert pair.before.target.path.read_bytes() == before


def test_a_table_made_anew_as_it_was_is_no_difference(migrated: Callable[..., Pair]) -> None:
    """SQLite changes tables by making them anew; case, quotes, blanks and comments of the text do not count."""
    pair = migrated(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT NOT NULL DEFAULT 'x');",
        "CREATE TABLE new (id integer primary key, -- same\n \"name\" TEXT not   null default 'x');"
        "DROP TABLE t; ALTER TABLE new RENAME TO t;".replace("id integer", "id INTEGER"),
    )

    assert str(diff(pair.before.catalog, pair.after.catalog)) == "no difference"


@pytest.mark.parametrize(
    ("sql", "named"),
    [
        ("ALTER TABLE teams ADD COLUMN city TEXT", "added column:teams.city"),
        ("ALTER TABLE players DROP COLUMN half", "dropped column:players.half"),
        ("DROP INDEX by_shirt", "dropped index:by_shirt"),
        ("DROP TRIGGER stamped", "dropped trigger:teams.stamped"),
        ("DROP VIEW shirts", "dropped view:shirts"),
        ("DROP TABLE pairs", "dropped table:pairs"),
        ("PRAGMA user_version = 4", "altered setting:user_version"),
        ("PRAGMA journal_mode = wal", "altered setting:journal_mode"),
        ("UPDATE sqlite_sequence SET seq = 9", "altered sequence:teams"),
        ("DROP INDEX one_name; CREATE INDEX one_name ON teams (name)", "altered index:one_name"),
        ("DROP TABLE pairs; CREATE TABLE pairs (a TEXT, b TEXT, PRIMARY KEY (a, b DESC)) STRICT", "altered table:pairs"),
        ("DROP TABLE pairs; CREATE TABLE pairs (b TEXT, a TEXT, PRIMARY KEY (a, b DESC)) WITHOUT ROWID, STRICT",
         "altered table:pairs"),
        ("DROP TABLE pairs; CREATE TABLE pairs (a TEXT, b TEXT, PRIMARY KEY (a, b)) WITHOUT ROWID, STRICT",
         "altered constraint:pairs.pairs_pkey"),
        ("DROP TABLE pairs; CREATE TABLE pairs (a TEXT COLLATE NOCASE, b TEXT, PRIMARY KEY (a, b DESC)) WITHOUT ROWID, STRICT",
         "altered column:pairs.a"),
        ("DROP TRIGGER stamped; CREATE TRIGGER stamped AFTER UPDATE ON teams BEGIN SELECT 1; END",
         "altered trigger:teams.stamped"),
    ],
)  # fmt: skip
def test_each_change_is_told(migrated: Callable[..., Pair], sql: str, named: str) -> None:
    """Nothing of the schema changes unseen."""
    rich = RICH.replace("CREATE VIEW broken AS SELECT * FROM nowhere;", "")
    pair = migrated(rich, f"PRAGMA foreign_keys = off; {sql};")

    told = str(diff(pair.before.catalog, pair.after.catalog))

    assert told.startswith(named), told
    assert "\n" not in told, told


def test_statistics_and_made_indexes_are_no_objects(migrated: Callable[..., Pair]) -> None:
    """ANALYZE changes no schema, and the index of a UNIQUE is that constraint."""
    pair = migrated(RICH, "ANALYZE;")

    assert not diff(pair.before.catalog, pair.after.catalog)
    assert not [name for name in pair.after.catalog.indexes if name.startswith("sqlite_")]


def test_another_schema_is_refused(migrated: Callable[..., Pair]) -> None:
    """A file is one schema; a name in another one would be looked for in vain, or found in the wrong place."""
    with pytest.raises(QueryError, match="one schema"):
        migrated(RICH).before.count("temp.teams")
