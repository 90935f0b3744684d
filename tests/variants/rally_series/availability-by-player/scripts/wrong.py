"""Availability gets the series of its player."""

import sys

import migrate_series_league_isolation as migration


def split(cursor, right=migration.split):
    """Moves the availability after the players."""
    right(cursor)
    cursor.execute(
        "UPDATE player_availability AS entry SET series_id = player.series_id"
        " FROM players AS player WHERE player.id = entry.player_id"
    )


migration.split = split

sys.exit(migration.main())
