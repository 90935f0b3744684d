"""SQLite as a database engine: its files, its SQL, and what a rehearsal asks of it."""
