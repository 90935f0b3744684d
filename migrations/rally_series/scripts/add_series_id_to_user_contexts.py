"""Tells each user's context its series: the one of the team, or, without a team, of the user's only player in the league.

One transaction, to be run after `migrate_series_league_isolation.py`. A second run finds nothing to do. Exit status 0: done;
1: nothing was changed, the log says why; 2: how to call it.
"""

from __future__ import annotations

import sys

import psycopg
from migration import LOG, RefusedError, change, count, has_column, has_constraint, run

FROM_TEAMS = """
UPDATE user_contexts AS context
SET series_id = team.series_id
FROM teams AS team
WHERE team.id = context.team_id AND context.series_id IS DISTINCT FROM team.series_id
"""

FROM_PLAYERS = """
UPDATE user_contexts AS context
SET series_id = only_one.series_id
FROM (
    SELECT account.user_id, player.league_id, min(player.series_id) AS series_id
    FROM user_player_associations AS account
    JOIN players AS player ON player.tenniscores_player_id = account.tenniscores_player_id
    WHERE player.is_active
    GROUP BY account.user_id, player.league_id
    HAVING count(DISTINCT player.series_id) = 1
) AS only_one
WHERE only_one.user_id = context.user_id AND only_one.league_id = context.league_id
    AND context.team_id IS NULL AND context.series_id IS NULL
"""

FOREIGN_KEY = "FOREIGN KEY (series_id) REFERENCES series (id)"

STRAY_TEAMS = """
SELECT count(*) FROM user_contexts AS context JOIN teams AS team ON team.id = context.team_id
WHERE team.league_id <> context.league_id
"""

WRONG_SERIES = """
SELECT count(*) FROM user_contexts AS context JOIN series ON series.id = context.series_id
WHERE series.league_id IS DISTINCT FROM context.league_id
"""


def migrate(cursor: psycopg.Cursor) -> None:
    """Does all of it; the caller commits."""
    if not has_column(cursor, "series", "league_id"):
        raise RefusedError("series has no league_id: run migrate_series_league_isolation.py first")
    cursor.execute("LOCK TABLE user_contexts IN ACCESS EXCLUSIVE MODE")
    stray = count(cursor, STRAY_TEAMS)
    if stray:
        raise RefusedError(
            f"{stray} contexts name a team of another league than their own: let these users choose again"
        )
    cursor.execute("ALTER TABLE user_contexts ADD COLUMN IF NOT EXISTS series_id integer")
    change(cursor, "contexts that got the series of their team", FROM_TEAMS)
    change(cursor, "contexts that got the series of their only player", FROM_PLAYERS)
    if not has_constraint(cursor, "user_contexts", "user_contexts_series_id_fkey"):
        cursor.execute("ALTER TABLE user_contexts DROP CONSTRAINT IF EXISTS user_contexts_series_id_fkey")
        cursor.execute(f"ALTER TABLE user_contexts ADD CONSTRAINT user_contexts_series_id_fkey {FOREIGN_KEY}".encode())
        LOG.info("constraint user_contexts_series_id_fkey added")
    cursor.execute("CREATE INDEX IF NOT EXISTS idx_user_contexts_series_id ON user_contexts (series_id)")


def check(cursor: psycopg.Cursor) -> None:
    """Raises RefusedError unless every context's series is one of its league."""
    wrong = count(cursor, WRONG_SERIES)
    if wrong:
        raise RefusedError(f"{wrong} contexts have a series of another league")
    total = count(cursor, "SELECT count(*) FROM user_contexts")
    known = count(cursor, "SELECT count(series_id) FROM user_contexts")
    LOG.info("%d contexts, %d of them with a series", total, known)
    if known < total:
        LOG.warning(
            "%d users have no team and no single player in their league: they choose at the next login", total - known
        )


def main() -> int:
    """The exit status."""
    return run("Tell each user's context its series", migrate, check)


if __name__ == "__main__":
    sys.exit(main())
