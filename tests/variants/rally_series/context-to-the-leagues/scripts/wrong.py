"""The foreign key of the contexts leads to the leagues."""

import sys

import add_series_id_to_user_contexts as migration

migration.FOREIGN_KEY = "FOREIGN KEY (series_id) REFERENCES leagues (id) NOT VALID"

sys.exit(migration.main())
