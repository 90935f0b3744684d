"""Only the statistics are moved."""

import sys

import migrate_series_league_isolation as migration

for table in ("teams", "players", "series_leagues"):
    migration.USES.pop(table)

sys.exit(migration.main())
