"""The rows of teams are not moved."""

import sys

import migrate_series_league_isolation as migration

migration.USES.pop("teams")

sys.exit(migration.main())
