"""There is no foreign key to the leagues."""

import sys

import migrate_series_league_isolation as migration

migration.CONSTRAINTS.pop("series_league_id_fkey")

sys.exit(migration.main())
