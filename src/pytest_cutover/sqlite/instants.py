"""Timestamps that SQLite's own functions prove to be in UTC and the instants they were, without a value leaving it.

This only ever settles what is right beyond doubt, in the forms that are common. All other rows are handed back, to be read
with all that `criteria.instants` knows.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from urllib.parse import quote

from pytest_cutover.content.settled import Settled
from pytest_cutover.names import quote_identifier
from pytest_cutover.sqlite.connection import SqliteTarget


def settle(
    before: SqliteTarget, after: SqliteTarget, table: str, key: Sequence[str], columns: Sequence[str],
    offsets: Mapping[str, str],
) -> Settled | None:  # fmt: skip
    """What the rows of `after` hold that is proved, and the rows that are not; None where SQLite cannot say.

    `offsets` has the offset of the texts without a zone, as +07:00, by what stands between their date and time.
    """
    name = quote_identifier(table)
    try:
        with closing(after.connect(read_only=True)) as connection:
            connection.execute("ATTACH ? AS earlier", (f"file:{quote(str(before.path))}?mode=ro",))
            same = " AND ".join(f"was.{each} IS now.{each}" for each in map(quote_identifier, key))
            codes = ", ".join(f"{_code(column, offsets)} AS c{number}" for number, column in enumerate(columns))
            names = [f"c{number}" for number in range(len(columns))]
            joined = f"main.{name} AS now LEFT JOIN earlier.{name} AS was ON {same}"
            # LIMIT keeps SQLite from working the codes out once for every mention.
            counts = (
                f"SELECT count(*), count({' + '.join(names)}), {_total(names, '> 0')}, {_total(names, '= 2')}"
                f" FROM (SELECT {codes} FROM {joined} LIMIT -1)"
            )
            rows, settled, timestamps, in_utc = connection.execute(counts).fetchone()
            if rows != connection.execute(f"SELECT count(*) FROM main.{name}").fetchone()[0]:
                return None
            old: dict[tuple[object, ...], tuple[object, ...]] = {}
            new: dict[tuple[object, ...], tuple[object, ...]] = {}
            if settled < rows:
                left = (
                    f"SELECT EXISTS (SELECT * FROM earlier.{name} AS was WHERE {same}),"
                    f" {_listed('now', key)}, {_listed('was', columns)}, {_listed('now', columns)} FROM {joined}"
                    f" WHERE {' + '.join(_code(column, offsets) for column in columns)} IS NULL"
                )
                for known, *values in connection.execute(left):
                    place = tuple(values[: len(key)])
                    new[place] = tuple(values[len(key) + len(columns) :])
                    if known:
                        old[place] = tuple(values[len(key) : len(key) + len(columns)])
                if len(new) != rows - settled:
                    return None
            gone = (
                f"SELECT {_listed('was', key)}, {_listed('was', columns)} FROM earlier.{name} AS was"
                f" WHERE NOT EXISTS (SELECT * FROM main.{name} AS now WHERE {same})"
            )
            for values in connection.execute(gone):
                old[values[: len(key)]] = values[len(key) :]
            return Settled(rows, timestamps, in_utc, old, new)
    except sqlite3.Error:
        return None


def _listed(side: str, names: Sequence[str]) -> str:
    return ", ".join(f"{side}.{quote_identifier(name)}" for name in names)


def _total(names: Sequence[str], test: str) -> str:
    """SQL: how many codes of the settled rows pass; the sum over a row with an unsettled value is NULL and not counted."""
    return f"coalesce(sum({' + '.join(f'({name} {test})' for name in names)}), 0)"


def _code(column: str, offsets: Mapping[str, str]) -> str:
    """SQL: 0 where there was no value and is none, 1 where it is proved, 2 where it was in UTC before, else NULL.

    The offset, put on the new text again, has to give the old one to the letter: SQLite's `datetime` writes only dates that
    exist, and only in one way. A declared type such as TIMESTAMP would turn a literal into a number, so that no value is
    compared with one as it stands.
    """
    was, now = (f"{side}.{quote_identifier(column)}" for side in ("was", "now"))

    def digit(text: str, place: int) -> str:
        return f"substr({text}, {place}, 1) BETWEEN '0' AND '9'"

    def clock(text: str) -> str:
        return f"substr({text}, 1, 10) || ' ' || substr({text}, 12, 8)"

    naive = " ".join(f"WHEN '{between}' THEN '{offset}'" for between, offset in sorted(offsets.items()))
    zone = (
        f"CASE WHEN substr({was}, -1) = 'Z' THEN '+00:00' WHEN substr({was}, -6, 1) IN ('+', '-') THEN substr({was}, -6)"
        f" ELSE CASE substr({was}, 11, 1) {naive} END END"
    )
    fraction = (
        f"CASE WHEN substr({was}, -1) = 'Z' THEN substr({was}, 20, length({was}) - 20)"
        f" WHEN substr({was}, -6, 1) IN ('+', '-') THEN substr({was}, 20, length({was}) - 25)"
        f" ELSE substr({was}, 20) END"
    )
    end = (
        f"CASE WHEN substr({now}, -1) = 'Z' AND {digit(now, -2)} THEN 'Z'"
        f" WHEN substr({now}, -6) = '+00:00' AND {digit(now, -7)} THEN '+00:00' END"
    )
    proved = (
        f"typeof({was}) = 'text' AND typeof({now}) = 'text'"
        f" AND substr({now}, 11, 1) = 'T' AND substr({was}, 11, 1) IN ('T', ' ')"
        f" AND substr({now}, 1, 4) > '0001' AND substr({now}, 1, 4) < '9999'"
        f" AND datetime(substr({now}, 1, 19), '+0 days') = {clock(now)}"
        f" AND datetime(substr({now}, 1, 19), {zone}) = {clock(was)}"
        f" AND julianday({now}) IS NOT NULL AND substr({now}, 20) = {fraction} || {end}"
        f" AND instr({now}, char(0)) = 0 AND instr({was}, char(0)) = 0"
    )
    in_utc = f"substr({was}, 11, 1) = 'T' AND (substr({was}, -1) = 'Z' OR substr({was}, -6) = '+00:00')"
    return f"""CASE WHEN {was} IS NULL AND {now} IS NULL THEN 0
        WHEN {proved} THEN CASE WHEN {in_utc} THEN 2 ELSE 1 END END"""
