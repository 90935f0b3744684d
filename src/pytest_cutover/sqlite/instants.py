"""Timestamps that SQLite's own functions prove to be in UTC and the instants they were, without a value leaving it.

This only ever settles what is right beyond doubt, in the forms that are common. All other rows are handed back, to be read
with all that `criteria.instants` knows.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from urllib.parse import quote

from pytest_cutover.content.settled import Settled
from pytest_cutover.names import quote_identifier
from pytest_cutover.sqlite.connection import SqliteTarget


def settle(
    before: SqliteTarget, after: SqliteTarget, table: str, key: Sequence[str], columns: Sequence[str],
    offsets: Mapping[str, str], left_out: Sequence[str],
) -> Settled | None:  # fmt: skip
    """What the rows of `after` hold that is proved, and the rows that are not; None where SQLite cannot say.

    `offsets` has the offset of the texts without a zone, as +07:00, by what stands between their date and time; `left_out` the
    patterns of values that are no timestamps, none of them as long as one.
    """
    name = quote_identifier(table)
    try:
        with closing(after.connect(read_only=True)) as connection:
            connection.execute("ATTACH ? AS earlier", (f"file:{quote(str(before.path))}?mode=ro",))
            same = " AND ".join(f"was.{each} IS now.{each}" for each in map(quote_identifier, key))
            codes = ", ".join(
                f"{_code(column, offsets, left_out)} AS c{number}" for number, column in enumerate(columns)
            )
            names = [f"c{number}" for number in range(len(columns))]
            joined = f"main.{name} AS now LEFT JOIN earlier.{name} AS was ON {same}"
            # LIMIT keeps SQLite from working the codes out once for every mention.
            counts = (
                f"SELECT count(*), sum(known), count({' + '.join(names)}), {_total(names, 'IN (1, 2)')}, {_total(names, '= 2')},"
                f" {_total(names, '= 3')}"
                f" FROM (SELECT was.{quote_identifier(key[0])} IS NOT NULL AS known, {codes} FROM {joined} LIMIT -1)"
            )
            rows, known, settled, timestamps, in_utc, skipped = connection.execute(counts).fetchone()
            if rows != connection.execute(f"SELECT count(*) FROM main.{name}").fetchone()[0]:
                return None
            old: dict[tuple[object, ...], tuple[object, ...]] = {}
            new: dict[tuple[object, ...], tuple[object, ...]] = {}
            if settled < rows:
                left = (
                    f"SELECT EXISTS (SELECT * FROM earlier.{name} AS was WHERE {same}),"
                    f" {_listed('now', key)}, {_listed('was', columns)}, {_listed('now', columns)} FROM {joined}"
                    f" WHERE {' + '.join(_code(column, offsets, left_out) for column in columns)} IS NULL"
                )
                for there, *values in connection.execute(left):
                    place = tuple(values[: len(key)])
                    new[place] = tuple(values[len(key) + len(columns) :])
                    if there:
                        old[place] = tuple(values[len(key) : len(key) + len(columns)])
                if len(new) != rows - settled:
                    return None
            if known != connection.execute(f"SELECT count(*) FROM earlier.{name}").fetchone()[0]:
                gone = (
                    f"SELECT {_listed('was', key)}, {_listed('was', columns)} FROM earlier.{name} AS was"
                    f" WHERE NOT EXISTS (SELECT * FROM main.{name} AS now WHERE {same})"
                )
                for values in connection.execute(gone):
                    old[values[: len(key)]] = values[len(key) :]
            return Settled(rows, timestamps, in_utc, skipped, old, new)
    except sqlite3.Error:
        return None


def _listed(side: str, names: Sequence[str]) -> str:
    return ", ".join(f"{side}.{quote_identifier(name)}" for name in names)


def _total(names: Sequence[str], test: str) -> str:
    """SQL: how many codes of the settled rows pass; the sum over a row with an unsettled value is NULL and not counted."""
    return f"coalesce(sum({' + '.join(f'({name} {test})' for name in names)}), 0)"


def _code(column: str, offsets: Mapping[str, str], left_out: Sequence[str]) -> str:
    """SQL: 0 where there was no value and is none, 1 where it is proved, 2 where it was in UTC before, 3 where it is left
    out and as before, else NULL.

    The offset, put on the new text again, has to give the old one to the letter: SQLite's `datetime` writes only dates that
    exist, and only in one way. A declared type such as TIMESTAMP would turn a literal into a number, and a collation take
    two texts for one, so that no value is compared as it stands. What is no text has no T in it that equals a text.
    """
    was, now = (f"{side}.{quote_identifier(column)}" for side in ("was", "now"))
    second = f"substr({now}, 1, 19)"

    def digit(place: int) -> str:
        return f"substr({was}, {place}, 1) BETWEEN '0' AND '9'"

    def moved(offset: str, fraction: str, last: int) -> str:
        return (
            f"(substr({now}, 20) = {fraction} || 'Z' OR substr({now}, 20) = {fraction} || '+00:00') AND {digit(last)}"
            f" AND datetime({second}, {offset}) = {_clock(was)}"
            f" AND datetime({second}, '+0 days') = {_clock(now)}"
        )

    def kept(fraction: str) -> str:
        return (
            f"(substr({now}, 20) = {fraction} || 'Z' OR substr({now}, 20) = {fraction} || '+00:00') AND {digit(-1)}"
            f" AND substr({now}, 1, 10) = substr({was}, 1, 10) AND substr({now}, 12, 8) = substr({was}, 12, 8)"
            f" AND datetime({second}, '+0 days') = {_clock(now)}"
        )

    rest = f"substr({was}, 20)"
    naive = " ".join(
        f"WHEN '{between}' THEN CASE WHEN {kept(rest) if offset == '+00:00' else moved(_text(offset), rest, -1)} THEN 1 END"
        for between, offset in sorted(offsets.items())
    )
    skips = " OR ".join(f"{was} GLOB {_text(_glob(pattern))}" for pattern in left_out)
    skip = f"WHEN ({was} COLLATE BINARY) = {now} AND typeof({was}) = 'text' AND ({skips}) THEN 3" if left_out else ""
    unchanged = (
        f"CASE WHEN datetime({second}, '+0 days') = {_clock(now)} AND CASE WHEN substr({now}, -1) = 'Z' THEN {digit(-2)}"
        f" ELSE substr({now}, -6) = '+00:00' AND {digit(-7)} END THEN 2 END"
    )
    shifted = moved(f"substr({was}, -6)", f"substr({was}, 20, length({was}) - 25)", -7)
    return f"""CASE
        WHEN {was} IS NULL OR {now} IS NULL THEN CASE WHEN {was} IS NULL AND {now} IS NULL THEN 0 END
        WHEN instr({now} || {was}, char(0)) THEN NULL
        {skip}
        WHEN substr({now}, 11, 1) <> 'T' OR substr({now}, 1, 4) NOT BETWEEN '0002' AND '9998' THEN NULL
        WHEN substr({was}, 11, 1) NOT IN ('T', ' ') OR julianday({now}) IS NULL THEN NULL
        WHEN ({was} COLLATE BINARY) = {now} THEN {unchanged}
        WHEN substr({was}, -6, 1) IN ('+', '-') THEN CASE WHEN {shifted} THEN
            CASE WHEN substr({was}, -6) = '+00:00' AND substr({was}, 11, 1) = 'T' THEN 2 ELSE 1 END END
        ELSE CASE substr({was}, 11, 1) {naive} END END"""


def _clock(text: str) -> str:
    return f"substr({text}, 1, 10) || ' ' || substr({text}, 12, 8)"


def _glob(pattern: str) -> str:
    """The pattern as one of GLOB; what spells a part of a timestamp stands for digits."""
    words = re.split("(YYYY|MM|DD|HH)", pattern)
    return "".join(
        "[0-9]" * len(word) if place % 2 else re.sub(r"[*?\[]", r"[\g<0>]", word) for place, word in enumerate(words)
    )


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
