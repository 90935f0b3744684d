"""Contexts without a team stay without a series."""

import sys

import add_series_id_to_user_contexts as migration

migration.FROM_PLAYERS = "SELECT 1 WHERE false"

sys.exit(migration.main())
