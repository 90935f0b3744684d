"""The first try at the index, by hand and outside of a transaction: it fails, and nobody reads why."""

import os

import psycopg

with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
    if connection.execute("SELECT to_regclass('idx_bookings_vehicle_id')").fetchone() == (None,):
        connection.execute("ALTER TABLE bookings ADD COLUMN vehicle_id bigint DEFAULT 0")
        try:
            connection.execute("CREATE UNIQUE INDEX CONCURRENTLY idx_bookings_vehicle_id ON bookings (vehicle_id)")
        except psycopg.errors.UniqueViolation:
            connection.execute("ALTER TABLE bookings ALTER COLUMN vehicle_id DROP DEFAULT")
            connection.execute("UPDATE bookings SET vehicle_id = NULL")
