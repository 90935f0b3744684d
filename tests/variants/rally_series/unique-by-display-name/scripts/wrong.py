"""The display name is unique instead of the name."""

import sys

import migrate_series_league_isolation as migration

migration.CONSTRAINTS["series_name_league_id_key"] = "UNIQUE (display_name, league_id)"

sys.exit(migration.main())
