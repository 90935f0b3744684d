"""The conflict series are made as the old import did: max(id) + 1, and no display name."""

import sys

import migrate_series_league_isolation as migration

migration.TWINS = """
INSERT INTO series (id, name, updated_at, league_id)
SELECT (SELECT max(id) FROM series) + row_number() OVER (ORDER BY name, league_id), name, updated_at, league_id
FROM (
    SELECT DISTINCT series.name, series.updated_at, used.league_id
    FROM series JOIN ({uses}) AS used ON used.series_id = series.id
    WHERE used.league_id <> series.league_id
        AND NOT EXISTS (SELECT FROM series AS twin WHERE twin.name = series.name AND twin.league_id = used.league_id)
) AS missing
"""

sys.exit(migration.main())
