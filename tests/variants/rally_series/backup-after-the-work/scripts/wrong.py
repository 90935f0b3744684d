"""The automatic backup is taken when the work is done."""

import sys

import migrate_series_league_isolation as migration

migration.BACKUP = "SELECT 1"
migration.count = lambda cursor, query: 0


def constrain(cursor, right=migration.constrain):
    """Takes the backup last."""
    right(cursor)
    cursor.execute("CREATE TABLE IF NOT EXISTS series_backup AS SELECT id, name, display_name, updated_at FROM series")


migration.constrain = constrain

sys.exit(migration.main())
