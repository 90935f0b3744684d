"""The league with the most players keeps the series."""

import sys

import migrate_series_league_isolation as migration

migration.PRIMARY_LEAGUE = migration.PRIMARY_LEAGUE.replace("sum(team) DESC, ", "")

sys.exit(migration.main())
