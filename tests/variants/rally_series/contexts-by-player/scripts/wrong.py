"""Contexts get the series of the latest of the user's players."""

import sys

import add_series_id_to_user_contexts as migration

migration.FROM_TEAMS = """
UPDATE user_contexts AS context
SET series_id = (
    SELECT max(player.series_id)
    FROM user_player_associations AS account
    JOIN players AS player ON player.tenniscores_player_id = account.tenniscores_player_id
    WHERE account.user_id = context.user_id AND player.league_id = context.league_id
)
"""

sys.exit(migration.main())
