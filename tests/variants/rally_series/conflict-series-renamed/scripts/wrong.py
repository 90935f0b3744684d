"""The conflict series get their league's code into their name."""

import sys

import migrate_series_league_isolation as migration

NAME = "series.name || ' (' || (SELECT league_id FROM leagues WHERE id = used.league_id) || ')'"
migration.TWINS = migration.TWINS.replace("DISTINCT series.name", f"DISTINCT {NAME}").replace(
    "= series.name", f"= {NAME}"
)
migration.MOVE = migration.MOVE.replace("twin.name = series.name", f"twin.name = {NAME}")

sys.exit(migration.main())
