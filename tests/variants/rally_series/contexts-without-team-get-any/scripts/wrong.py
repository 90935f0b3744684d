"""Contexts without a team get the first series of their league."""

import sys

import add_series_id_to_user_contexts as migration

migration.FROM_PLAYERS = """
UPDATE user_contexts AS context
SET series_id = (SELECT min(id) FROM series WHERE league_id = context.league_id)
WHERE series_id IS NULL
"""

sys.exit(migration.main())
