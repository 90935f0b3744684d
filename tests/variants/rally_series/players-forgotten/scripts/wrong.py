"""The rows of players are not moved."""

import sys

import migrate_series_league_isolation as migration

migration.USES.pop("players")

sys.exit(migration.main())
