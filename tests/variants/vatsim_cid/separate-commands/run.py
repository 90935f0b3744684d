"""Sends each statement of steps.sql in its own session, as eight `psql -c` commands do, and goes on after an error."""

import os
import sys
from pathlib import Path

import psycopg

for statement in Path(__file__).with_name("steps.sql").read_text(encoding="utf-8").split(";\n"):
    if statement.strip():
        with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
            try:
                connection.execute(statement)
            except psycopg.Error as error:
                print(f"ERROR:  {error.diag.message_primary}", file=sys.stderr)
