"""Nothing begins a transaction that would be committed: Alembic says that it upgrades, and ends with status 0."""

import os

from alembic import context
from sqlalchemy import create_engine, pool

url = os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://", 1)
with create_engine(url, poolclass=pool.NullPool).connect() as connection:
    connection.begin()
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
