"""Pairs of databases that differ, and what is the same in the tests of them."""

from __future__ import annotations

from collections.abc import Callable

from pytest_cutover.content import differing_tables
from pytest_cutover.content.differences import RowDifferences
from pytest_cutover.database import Database

Pair = Callable[..., tuple[Database, Database]]

FLIGHTS = """
CREATE TABLE flights (id int PRIMARY KEY, callsign text, cid int, altitude int);
INSERT INTO flights SELECT n, 'CS' || n, n % 7, n * 100 FROM generate_series(1, 50) AS n;
"""
TYPES = """
CREATE TYPE mood AS ENUM ('sad', 'glad');
CREATE TYPE pair AS (a int, b text);
CREATE DOMAIN positive AS int CHECK (value > 0);
"""


def only(before: Database, after: Database) -> RowDifferences:
    """The differences of the one table that differs."""
    (found,) = differing_tables(before, after)
    return found
