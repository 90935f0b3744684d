"""The old constraint stays beside the new one."""

import sys

import migrate_series_league_isolation as migration

NAME = "series.name || ' ' || used.league_id"
migration.TWINS = migration.TWINS.replace("DISTINCT series.name", f"DISTINCT {NAME}").replace(
    "= series.name", f"= {NAME}"
)
migration.MOVE = migration.MOVE.replace("twin.name = series.name", f"twin.name = {NAME}")
migration.CONSTRAINTS["series_name_key"] = "UNIQUE (name)"

sys.exit(migration.main())
