"""Each series is made for each league."""

import sys

import migrate_series_league_isolation as migration

migration.MOST_CONFLICTS = 1000
migration.TWINS = migration.TWINS.replace(
    "({uses})", "(SELECT series.id AS series_id, leagues.id AS league_id FROM series, leagues)"
)

sys.exit(migration.main())
