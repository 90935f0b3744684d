"""Rows are counted exactly, what cannot be read is an error, and no change of a small table is missed."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_cutover.content import differing_tables, table_contents
from pytest_cutover.content.layout import Stored, layout_of
from pytest_cutover.content.merge import aligned
from pytest_cutover.database import Database
from pytest_cutover.errors import QueryError
from tests.content.pairs import FLIGHTS, Pair, only

MANY = """
CREATE TABLE t ({key} PRIMARY KEY, v int, w text);
INSERT INTO t SELECT {value}, n, 'w' || n FROM generate_series(1, 60000) AS n;
"""


@pytest.mark.parametrize(
    ("key", "value", "name"),
    [
        ("id int", "n", int),
        ("id bigint", "n::int8 * 1000000007 - 30000000000000", int),
        ("id text", "lpad(n::text, 6, '0')", str),
    ],
)
def test_counts_are_exact_in_a_table_of_many_rows(pair: Pair, key: str, value: str, name: type) -> None:
    """Large enough that the rows that differ are looked for bucket by bucket, few and many."""
    change = """
        UPDATE t SET w = 'x' WHERE v IN (17, 40000);
        DELETE FROM t WHERE v BETWEEN 500 AND 524;
        INSERT INTO t SELECT {value}, n, 'new' FROM generate_series(60001, 60030) AS n;
    """
    before, after = pair(MANY.format(key=key, value=value), change.format(value=value))
    keys = dict(before.query("SELECT v, id FROM t WHERE v IN (17, 40000, 500)").rows)

    found = only(before, after)

    assert (found.before, found.after) == (60_000, 60_005)
    assert (found.added, found.deleted, found.changed, found.columns) == (30, 25, 2, {"w": 2})
    assert found.changed_keys == ((keys[17],), (keys[40000],))
    assert (len(found.deleted_keys), found.deleted_keys[0]) == (20, (keys[500],))
    assert isinstance(found.added_keys[0][0], name)


def test_change_of_every_row_is_counted(pair: Pair) -> None:
    before, after = pair(MANY.format(key="id int", value="n"), "UPDATE t SET v = v + 1")

    found = only(before, after)

    assert (found.changed, found.columns) == (60_000, {"v": 60_000})
    assert found.changed_keys == tuple((n,) for n in range(1, 21))


def test_damaged_unique_index_is_reported(pair: Pair) -> None:
    """Two rows with one key would hide each other."""
    create = """
        CREATE TABLE t (id int NOT NULL, v int); INSERT INTO t VALUES (1, 1), (1, 1), (2, 2); CREATE INDEX k ON t (id);
        UPDATE pg_index SET indisunique = true WHERE indexrelid = 'k'::regclass;
    """
    before, after = pair(create, "UPDATE t SET v = 0 WHERE id = 2")

    with pytest.raises(QueryError, match="t: two rows have the same key: its index is damaged"):
        differing_tables(before, after)


def test_rows_that_cannot_be_read_are_an_error_that_names_the_table(pair: Pair) -> None:
    create = """
        CREATE TABLE fine (id int PRIMARY KEY); CREATE TABLE secret (id int PRIMARY KEY); CREATE TABLE zoo (id int);
        GRANT SELECT ON fine, zoo TO pg_signal_backend;
    """
    before, _ = pair(create)
    catalog = before.catalog
    before.connection.execute("SET ROLE pg_signal_backend")

    with pytest.raises(QueryError, match="^the rows of secret cannot be read: permission denied for table secret$"):
        table_contents(before.connection, catalog)

    assert before.scalar("SELECT 1") == 1


def test_rows_hidden_by_a_policy_are_an_error(pair: Pair) -> None:
    create = """
        CREATE TABLE t (id int PRIMARY KEY); ALTER TABLE t ENABLE ROW LEVEL SECURITY;
        GRANT SELECT ON t TO pg_signal_backend;
    """
    before, _ = pair(create)
    catalog = before.catalog
    before.connection.execute("SET ROLE pg_signal_backend")

    with pytest.raises(QueryError, match="the rows of t cannot be read: query would be affected by row-level security"):
        table_contents(before.connection, catalog)


def test_only_the_asked_columns_count(pair: Pair) -> None:
    before, after = pair(FLIGHTS, "UPDATE flights SET cid = 99")

    contents = [
        table_contents(each.connection, each.catalog, ["flights"], {"flights": ["callsign"]})
        for each in (before, after)
    ]

    assert contents[0] == contents[1]
    assert set(contents[0]["flights"].columns) == {"id", "callsign"}


def test_session_is_left_as_it_was(pair: Pair) -> None:
    before, _ = pair(FLIGHTS)
    settings = "SELECT array_agg(name || setting ORDER BY name) FROM pg_settings"
    asked = before.scalar(settings)

    table_contents(before.connection, before.catalog)

    assert before.scalar(settings) == asked
    assert before.connection.autocommit


def test_parts_of_two_streams_are_brought_together_at_any_block_size() -> None:
    old = [[(1, 0), (3, 0)], [(3, 1), (4, 0)], [(9, 0)]]
    new = [[(2, 0)], [(3, 5)], [(4, 0), (9, 0), (10, 0)], [(11, 0)]]

    parts = list(aligned(iter(old), iter(new)))

    for was, now in parts:
        assert was == sorted(was) and now == sorted(now)
    assert [row for was, _ in parts for row in was] == [row for block in old for row in block]
    assert [row for _, now in parts for row in now] == [row for block in new for row in block]
    place = {id(row): n for n, part in enumerate(parts) for row in (*part[0], *part[1])}
    for was, now in parts:
        assert not {row[0] for row in was} & {row[0] for _, other in parts if other is not now for row in other}
    assert place


def test_layout_keeps_the_order_of_the_key() -> None:
    stored = Stored("t", {"b": "integer", "a": "text"}, (("a", "b"),))

    layout = layout_of(stored, stored)

    assert (layout.key_names, layout.plain, layout.values) == (("a", "b"), False, ())


CELL = st.one_of(st.none(), st.integers(-3, 3))
TABLE = st.lists(st.tuples(CELL, CELL, CELL), min_size=1, max_size=8)


@pytest.fixture
def playground(pair: Pair) -> tuple[Database, Database]:
    create = "".join(
        f"CREATE TABLE {name} (id int {key}, a bigint, b text, c float8);"
        for name, key in [("keyed", "PRIMARY KEY"), ("bag", "")]
    )
    return pair(create)


def _fill(database: Database, table: str, rows: list[tuple[int | None, ...]]) -> None:
    with database.target.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {table}".encode())
        cursor.executemany(f"INSERT INTO {table} VALUES (%s, %s, %s, %s)".encode(), rows)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=TABLE, data=st.data())
def test_any_single_change_of_a_small_table_is_seen(
    playground: tuple[Database, Database], rows: list[tuple[int | None, ...]], data: st.DataObject
) -> None:
    row, column, value = (
        data.draw(st.integers(0, len(rows) - 1)), data.draw(st.integers(0, 2)), data.draw(CELL),
    )  # fmt: skip
    changed = list(rows)
    changed[row] = tuple(value if n == column else cell for n, cell in enumerate(rows[row]))
    differs = changed[row] != rows[row]
    order = data.draw(st.permutations(range(len(rows))))
    before, after = playground
    _fill(before, "keyed", [(n, *cells) for n, cells in enumerate(rows)])
    _fill(after, "keyed", [(n, *changed[n]) for n in order])
    _fill(before, "bag", [(1, *cells) for cells in rows])
    _fill(after, "bag", [(1, *changed[n]) for n in order])

    found = {each.table: each for each in differing_tables(before, after)}

    assert set(found) == ({"keyed", "bag"} if differs else set())
    if differs:
        keyed, bag = found["keyed"], found["bag"]
        assert (keyed.changed_keys, keyed.columns) == (((row,),), {"abc"[column]: 1})
        assert (bag.added, bag.deleted, bag.changed) == (1, 1, 0)
