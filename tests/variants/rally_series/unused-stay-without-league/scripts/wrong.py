"""Series that no team names stay without a league."""

import sys

import migrate_series_league_isolation as migration

migration.PRIMARY_LEAGUE = migration.PRIMARY_LEAGUE.replace("FROM series_leagues", "FROM series_leagues WHERE false")
migration.USES.pop("series_leagues")


def assign(cursor):
    """Takes whatever it gets."""
    cursor.execute(migration.BACKUP)
    cursor.execute("ALTER TABLE series ADD COLUMN IF NOT EXISTS league_id integer")
    cursor.execute(migration.ASSIGN.format(primary=migration.PRIMARY_LEAGUE))


def constrain(cursor):
    """Leaves the column nullable."""
    for name, definition in migration.CONSTRAINTS.items():
        if not migration.has_constraint(cursor, "series", name):
            cursor.execute(f"ALTER TABLE series ADD CONSTRAINT {name} {definition}")


migration.assign, migration.constrain = assign, constrain

sys.exit(migration.main())
