"""What the tables of SQLite databases hold: fingerprints by key and column.

Values are the same where both type and value are: 1, 1.0, '1' and x'31' all differ, and so do 'a' and 'A' in a
column that sorts them alike.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from hashlib import blake2b

from pytest_cutover.catalog import Catalog
from pytest_cutover.content.fingerprint import WHOLE_ROW, TableContent
from pytest_cutover.errors import QueryError
from pytest_cutover.names import quote_identifier
from pytest_cutover.sqlite.connection import SqliteTarget, as_query_error

_BLOCK = 4096
"""Rows read at a time; the same for every database, since it is part of what is hashed."""

NEW = '"main"'
"""What SQLite calls the database of a connection."""


def sqlite_contents(target: SqliteTarget, catalog: Catalog) -> dict[str, TableContent]:
    """The content of every table, by name, as one snapshot sees it. Virtual tables are what their shadow tables hold.

    Raises:
        QueryError: the rows of a table cannot be read.
    """
    with closing(target.connect(read_only=True)) as connection:
        connection.text_factory = str
        connection.execute("BEGIN")
        return {name: _content(connection, catalog, name) for name in tables_of(catalog)}


def tables_of(catalog: Catalog) -> list[str]:
    """The tables that hold rows of their own, by name."""
    return sorted(name for name, table in catalog.tables.items() if table.kind == "table")


def _content(connection: sqlite3.Connection, catalog: Catalog, table: str) -> TableContent:
    """Each column is hashed in the order of the key, or of all columns where there is none."""
    key = next((key for key in keys_of(catalog, table) if not has_null(connection, NEW, catalog, table, key)), ())
    columns = [each.name for each in catalog.columns_of(table)]
    names = [*key, *(name for name in columns if name not in key)]
    quoted = [quote_identifier(name) for name in names]
    order = quoted[: len(key)] or [part for name in quoted for part in (f"typeof({name})", f"{name} COLLATE BINARY")]
    query = f"SELECT {', '.join(quoted)} FROM {source_of(NEW, catalog, table)} ORDER BY {', '.join(order)}"
    with reading(table):
        try:
            rows, digests = _hashed(connection, query, len(names))
        except (sqlite3.OperationalError, UnicodeDecodeError) as error:
            if "decode" not in str(error):
                raise
            # A text need not be valid UTF-8. Reading such a one takes longer, so it is not the rule.
            connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
            rows, digests = _hashed(connection, query, len(names))
            connection.text_factory = str
    size = len(key)
    whole = b"".join(digests[:size] or digests)
    if not key:
        return TableContent(rows, (), {WHOLE_ROW: _number(whole)}, False)
    found: dict[str, int | str] = dict.fromkeys(key, _number(whole))
    found |= {name: _number(whole + digest) for name, digest in zip(names[size:], digests[size:], strict=True)}
    return TableContent(rows, key, found, True)


def _hashed(connection: sqlite3.Connection, query: str, columns: int) -> tuple[int, list[bytes]]:
    """How many rows the query gives, and a digest of each column."""
    hashes = [blake2b(digest_size=16) for _ in range(columns)]
    rows = 0
    with closing(connection.execute(query)) as cursor:
        while block := cursor.fetchmany(_BLOCK):
            rows += len(block)
            for values, digest in zip(zip(*block, strict=True), hashes, strict=True):
                # Python spells 1, 1.0, '1' and b'1' unlike each other, every float exactly, and all of a tuple in C.
                digest.update(repr(values).encode("utf-8", "surrogatepass"))
    return rows, [digest.digest() for digest in hashes]


def _number(content: bytes) -> int:
    return int.from_bytes(blake2b(content, digest_size=8).digest(), "little")


def keys_of(catalog: Catalog, table: str) -> Iterator[tuple[str, ...]]:
    """The column sets in which no two rows are alike, the primary key first. A NULL in them is looked for elsewhere.

    An index with a collation of its own may tell rows apart that a comparison of the columns does not.
    """
    unique = [
        each for each in catalog.constraints.values() if each.table == table and " COLLATE " not in each.definition
    ]
    yield from (each.columns for each in unique if each.type == "primary_key")
    yield from (each.columns for each in unique if each.type == "unique")
    names = {each.name for each in catalog.columns_of(table)}
    for index in catalog.indexes.values():
        sound = index.unique and index.predicate is None and " COLLATE " not in index.definition
        if index.table == table and sound and names.issuperset(index.columns):
            yield index.columns


def source_of(side: str, catalog: Catalog, table: str) -> str:
    """The table of one of the attached databases, as SQL spells it."""
    return f"{side}.{quote_identifier(catalog.tables[table].name)}"


def has_null(connection: sqlite3.Connection, side: str, catalog: Catalog, table: str, columns: Sequence[str]) -> bool:
    """True where a key holds NULL: SQLite lets it, but in an INTEGER PRIMARY KEY and WITHOUT ROWID."""
    unsure = [each.name for each in catalog.columns_of(table) if each.name in columns and each.nullable]
    if not unsure:
        return False
    nulls = " OR ".join(f"{quote_identifier(name)} IS NULL" for name in unsure)
    with reading(table):
        query = f"SELECT EXISTS (SELECT 1 FROM {source_of(side, catalog, table)} WHERE {nulls})"
        return bool(connection.execute(query).fetchone()[0])


@contextmanager
def reading(table: str) -> Iterator[None]:
    """Says of which table it was where SQLite refuses to read."""
    try:
        yield
    except sqlite3.Error as error:
        found = as_query_error(error)
        raise QueryError(f"the rows of {table} cannot be read: {found}", found.sqlstate) from error
