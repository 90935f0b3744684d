"""The statistics are not moved."""

import sys

import migrate_series_league_isolation as migration

migration.USES.pop("series_stats")

sys.exit(migration.main())
