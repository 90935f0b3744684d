"""A second run takes its backup over the first one's."""

import sys

import migrate_series_league_isolation as migration

def migrate(cursor, right=migration.migrate):
    """Takes the backup each time."""
    right(cursor)
    if migration.has_column(cursor, "series_backup", "id") and migration.LOG.series_were_there:
        cursor.execute(migration.BACKUP)


def be_migrated(cursor):
    """Whether a run has been here before."""
    return migration.has_column(cursor, "series", "league_id")


def run(cursor):
    """Remembers what it found."""
    migration.LOG.series_were_there = be_migrated(cursor)
    migrate(cursor)


migration.migrate = run

sys.exit(migration.main())
