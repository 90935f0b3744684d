"""The availability is not moved."""

import sys

import migrate_series_league_isolation as migration

migration.USES.pop("player_availability")

sys.exit(migration.main())
