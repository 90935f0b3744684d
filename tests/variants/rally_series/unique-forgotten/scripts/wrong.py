"""There is no unique constraint."""

import sys

import migrate_series_league_isolation as migration

migration.CONSTRAINTS.pop("series_name_league_id_key")

sys.exit(migration.main())
