"""Contexts find their series by its name."""

import sys

import add_series_id_to_user_contexts as migration

migration.FROM_TEAMS = """
UPDATE user_contexts AS context
SET series_id = (SELECT min(id) FROM series WHERE name = its.name)
FROM teams AS team JOIN series AS its ON its.id = team.series_id
WHERE team.id = context.team_id
"""
migration.check = lambda cursor: None

sys.exit(migration.main())
