"""The foreign key of the contexts is NOT VALID and never validated."""

import sys

import add_series_id_to_user_contexts as migration

migration.FOREIGN_KEY += " NOT VALID"

sys.exit(migration.main())
