"""A series is shared by two leagues at most."""

import sys

import migrate_series_league_isolation as migration

migration.TWINS = migration.TWINS.replace("SELECT DISTINCT series.name", "SELECT DISTINCT ON (series.name) series.name")
migration.TWINS = migration.TWINS.replace("ORDER BY 1, 4", "ORDER BY 1, 4 DESC")
migration.MOVE = migration.MOVE.replace("twin.league_id = used.league_id", "twin.league_id <> series.league_id")
migration.check = lambda cursor: None

sys.exit(migration.main())
