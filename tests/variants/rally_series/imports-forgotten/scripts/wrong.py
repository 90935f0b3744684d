"""The rows of series_leagues are not moved."""

import sys

import migrate_series_league_isolation as migration

migration.USES.pop("series_leagues")

sys.exit(migration.main())
