"""A second run takes its backup over the first one's."""

import sys

import migrate_series_league_isolation as migration


def migrate(cursor, right=migration.migrate):
    """Takes the backup of whatever it finds."""
    migrated = migration.has_column(cursor, "series", "league_id")
    right(cursor)
    if migrated:
        cursor.execute(migration.BACKUP)


migration.migrate = migrate

sys.exit(migration.main())
