"""Gives each series to one league, and to each further league that used it a series of its own of the same name.

The series itself goes to the league with the most teams in it, which keeps the id that bookmarks and reports know.
A series that no row names belongs to the league that `series_leagues` says. What belongs to nobody is refused.

One transaction. A second run finds nothing to do, or gives away what has got mixed up since. Exit status 0: done;
1: nothing was changed, the log says why; 2: how to call it.
"""

from __future__ import annotations

import sys

import psycopg
from migration import LOG, RefusedError, change, count, has_column, has_constraint, run

MOST_CONFLICTS = 20
"""More series than that in need of a twin were not foreseen: somebody should look first."""

BACKUP = """
DROP TABLE IF EXISTS series_backup;
CREATE TABLE series_backup AS TABLE series;
"""

# What says to which league a row belongs: its own column, or its player's.
USES = {
    "teams": "SELECT id, series_id, league_id FROM teams",
    "players": "SELECT id, series_id, league_id FROM players",
    "series_stats": "SELECT id, series_id, league_id FROM series_stats",
    "series_leagues": "SELECT id, series_id, league_id FROM series_leagues",
    "player_availability": (
        "SELECT entry.id, entry.series_id, player.league_id"
        " FROM player_availability AS entry JOIN players AS player ON player.id = entry.player_id"
    ),
}

PRIMARY_LEAGUE = """
SELECT DISTINCT ON (series_id) series_id, league_id
FROM (
    SELECT series_id, league_id, 1 AS team, 0 AS player FROM teams
    UNION ALL
    SELECT series_id, league_id, 0, 1 FROM players
    UNION ALL
    SELECT series_id, league_id, 0, 0 FROM series_stats
    UNION ALL
    SELECT series_id, league_id, 0, 0 FROM series_leagues
) AS uses
GROUP BY series_id, league_id
ORDER BY series_id, sum(team) DESC, sum(player) DESC, league_id
"""

ASSIGN = """
UPDATE series
SET league_id = its.league_id
FROM ({primary}) AS its
WHERE its.series_id = series.id AND series.league_id IS DISTINCT FROM its.league_id
"""

TWINS = """
INSERT INTO series (name, display_name, updated_at, league_id)
SELECT DISTINCT series.name, series.display_name, series.updated_at, used.league_id
FROM series JOIN ({uses}) AS used ON used.series_id = series.id
WHERE used.league_id <> series.league_id
    AND NOT EXISTS (SELECT FROM series AS twin WHERE twin.name = series.name AND twin.league_id = used.league_id)
ORDER BY 1, 4
"""

MOVE = """
UPDATE {table} AS entry
SET series_id = twin.id
FROM ({uses}) AS used
    JOIN series ON series.id = used.series_id
    JOIN series AS twin ON twin.name = series.name AND twin.league_id = used.league_id
WHERE used.id = entry.id AND used.league_id <> series.league_id
"""

CONSTRAINTS = {
    "series_name_league_id_key": "UNIQUE (name, league_id)",
    "series_league_id_fkey": "FOREIGN KEY (league_id) REFERENCES leagues (id)",
}


def migrate(cursor: psycopg.Cursor) -> None:
    """Does all of it; the caller commits."""
    # Readers of the other tables go on; the ETL, which writes them, waits.
    cursor.execute("LOCK TABLE series IN ACCESS EXCLUSIVE MODE")
    cursor.execute(f"LOCK TABLE {', '.join(USES)} IN SHARE ROW EXCLUSIVE MODE".encode())
    finished = has_column(cursor, "series", "league_id") and has_constraint(
        cursor, "series", "series_name_league_id_key"
    )
    if not finished:
        assign(cursor)
    split(cursor)
    constrain(cursor)


def assign(cursor: psycopg.Cursor) -> None:
    """Keeps the series as they are in `series_backup`, and gives each its primary league.

    A column that an earlier attempt left is filled anew: what it holds may be half of something.
    """
    if not has_column(cursor, "series", "league_id"):
        cursor.execute(BACKUP.encode())
        LOG.info("series_backup holds %d series as they were", count(cursor, "SELECT count(*) FROM series_backup"))
        cursor.execute("ALTER TABLE series ADD COLUMN league_id integer")
    change(cursor, "series that got their league", ASSIGN.format(primary=PRIMARY_LEAGUE))
    lost = [
        name for (name,) in cursor.execute("SELECT name FROM series WHERE league_id IS NULL ORDER BY name").fetchall()
    ]
    if lost:
        raise RefusedError(f"no league uses {', '.join(lost)}: name it in series_leagues, or delete the series")


def split(cursor: psycopg.Cursor) -> None:
    """Makes the missing series of the further leagues, and moves what is theirs."""
    # The old constraint forbids what is made here.
    cursor.execute("ALTER TABLE series DROP CONSTRAINT IF EXISTS series_name_key")
    uses = " UNION ALL ".join(USES.values())
    made = change(cursor, "conflict series made for further leagues", TWINS.format(uses=uses))
    if made > MOST_CONFLICTS:
        raise RefusedError(f"{made} series would have to be made, and at most {MOST_CONFLICTS} were foreseen")
    for table, its in USES.items():
        change(cursor, f"{table} moved to the series of their league", MOVE.format(table=table, uses=its))


def constrain(cursor: psycopg.Cursor) -> None:
    """Adds what keeps it so."""
    cursor.execute("ALTER TABLE series ALTER COLUMN league_id SET NOT NULL")
    for name, definition in CONSTRAINTS.items():
        if not has_constraint(cursor, "series", name):
            cursor.execute(f"ALTER TABLE series DROP CONSTRAINT IF EXISTS {name}".encode())
            cursor.execute(f"ALTER TABLE series ADD CONSTRAINT {name} {definition}".encode())
            LOG.info("constraint %s added", name)


def check(cursor: psycopg.Cursor) -> None:
    """Raises RefusedError unless every row is in a series of its league."""
    for table, its in USES.items():
        wrong = count(
            cursor,
            f"SELECT count(*) FROM ({its}) AS used LEFT JOIN series ON series.id = used.series_id"
            " WHERE series.league_id IS DISTINCT FROM used.league_id",
        )
        if wrong:
            raise RefusedError(f"{wrong} rows of {table} are in a series of another league, or of none")
    LOG.info("%d series, each of one league", count(cursor, "SELECT count(*) FROM series"))


def main() -> int:
    """The exit status."""
    return run("Give each series to one league", migrate, check)


if __name__ == "__main__":
    sys.exit(main())
