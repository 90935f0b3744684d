"""The conflict series have no display name."""

import sys

import migrate_series_league_isolation as migration

migration.TWINS = migration.TWINS.replace("series.display_name", "NULL")

sys.exit(migration.main())
