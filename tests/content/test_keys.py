"""Rows are matched by a key that holds on both sides, or compared as a bag."""

from __future__ import annotations

import pytest

from pytest_cutover.content import compare_rows, differing_tables
from tests.content.pairs import FLIGHTS, Pair, only


def test_changed_key_is_a_row_deleted_and_a_row_added(pair: Pair) -> None:
    before, after = pair(FLIGHTS, "UPDATE flights SET id = 1000 WHERE id = 7")

    found = only(before, after)

    assert (found.added, found.deleted, found.changed) == (1, 1, 0)
    assert (found.added_keys, found.deleted_keys) == (((1000,),), ((7,),))
    assert [str(each) for each in found.evidence] == [
        "flights: rows added (1)\n    id=1000",
        "flights: rows deleted (1)\n    id=7",
    ]


def test_big_keys_that_the_server_hashes_alike_are_told_apart(pair: Pair) -> None:
    create = "CREATE TABLE t (id bigint PRIMARY KEY, v int); INSERT INTO t VALUES (1, 5), (-1, 6);"
    before, after = pair(create, "UPDATE t SET id = CASE id WHEN 1 THEN 4294967296 ELSE -4294967297 END")

    found = only(before, after)

    assert (found.added, found.deleted) == (2, 2)
    assert found.added_keys == ((-4294967297,), (4294967296,))


@pytest.mark.parametrize(
    ("key", "first", "other", "shown"),
    [
        ("text", "b", "a", ("b",)),
        ("uuid", "11111111-1111-1111-1111-111111111111", "0" * 32, ("11111111-1111-1111-1111-111111111111",)),
        ("bpchar", "b ", "a", ("b ",)),
        ("date", "infinity", "2024-01-01", ("infinity",)),
    ],
)
def test_key_of_any_type_names_the_row(pair: Pair, key: str, first: str, other: str, shown: tuple[str]) -> None:
    create = f"CREATE TABLE t (k {key} PRIMARY KEY, v int); INSERT INTO t VALUES ('{first}', 1), ('{other}', 2);"
    before, after = pair(create, f"UPDATE t SET v = 3 WHERE k = '{first}'")

    assert only(before, after).changed_keys == (shown,)


def test_composite_key_names_rows_in_its_order(pair: Pair) -> None:
    create = """CREATE TABLE t (b text, a int, v int, PRIMARY KEY (a, b));
        INSERT INTO t SELECT 'k' || n % 10, n / 10, 0 FROM generate_series(0, 99) AS n;"""
    before, after = pair(create, "UPDATE t SET v = 1 WHERE b = 'k3'; DELETE FROM t WHERE a = 9 AND b = 'k9'")

    found = only(before, after)

    assert found.key == ("a", "b")
    assert found.changed_keys == tuple((n, "k3") for n in range(10))
    assert found.deleted_keys == ((9, "k9"),)


def test_swap_within_a_composite_key_is_seen(pair: Pair) -> None:
    create = "CREATE TABLE t (a int, b int, PRIMARY KEY (a, b)); INSERT INTO t VALUES (1, 2);"
    before, after = pair(create, "UPDATE t SET a = 2, b = 1")

    found = only(before, after)

    assert (found.added_keys, found.deleted_keys) == (((2, 1),), ((1, 2),))


@pytest.mark.parametrize(
    "unusable",
    [
        "CREATE TABLE t (id int UNIQUE, v int)",
        "CREATE TABLE t (id int NOT NULL, v int); CREATE UNIQUE INDEX ON t (id) WHERE id > 0",
        "CREATE TABLE t (id int NOT NULL, v int); CREATE UNIQUE INDEX ON t (abs(id))",
        'CREATE TABLE t ("abs(id)" int NOT NULL, id int NOT NULL, v int); CREATE UNIQUE INDEX ON t (abs(id))',
        "CREATE TABLE t (id int NOT NULL UNIQUE DEFERRABLE INITIALLY DEFERRED, v int)",
        "CREATE TABLE t (id int NOT NULL, v int); CREATE INDEX ON t (id)",
    ],
)
def test_key_that_two_rows_may_share_is_not_used(pair: Pair, unusable: str) -> None:
    before, _ = pair(unusable)

    content = before.contents["t"]

    assert (content.keyed, content.key) == (False, ())


def test_unique_index_over_not_null_columns_stands_in_for_a_primary_key(pair: Pair) -> None:
    before, after = pair(
        'CREATE TABLE t ("lower(a)" int NOT NULL, v int); CREATE UNIQUE INDEX ON t ("lower(a)");'
        "INSERT INTO t VALUES (1, 1), (2, 2);",
        "UPDATE t SET v = 0",
    )

    found = only(before, after)

    assert (found.key, found.changed_keys) == (("lower(a)",), ((1,), (2,)))


def test_rows_are_matched_by_a_key_that_both_sides_have(pair: Pair) -> None:
    create = "CREATE TABLE t (id int PRIMARY KEY, code text NOT NULL UNIQUE); INSERT INTO t VALUES (1, 'a'), (2, 'b');"
    before, after = pair(create, "ALTER TABLE t DROP CONSTRAINT t_pkey; UPDATE t SET id = 9 WHERE code = 'b'")

    found = only(before, after)

    assert (found.key, found.columns, found.changed_keys) == (("code",), {"id": 1}, (("b",),))


def test_without_a_common_key_the_rows_are_compared_as_a_bag(pair: Pair) -> None:
    create = "CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, 1), (2, 2);"
    before, after = pair(create, "ALTER TABLE t DROP CONSTRAINT t_pkey; UPDATE t SET v = 9 WHERE id = 2")

    found = only(before, after)

    assert (found.keyed, found.added, found.deleted, found.changed) == (False, 1, 1, 0)
    assert found.summary == "1 row added, 1 row deleted, compared as a bag of rows for want of a key"
    assert found.evidence == ()


BAG = "CREATE TABLE t (a int, b text); INSERT INTO t VALUES (1, 'x'), (1, 'x'), (2, 'y'), (2, 'y'), (NULL, '');"


@pytest.mark.parametrize(
    ("change", "added", "deleted"),
    [
        ("UPDATE t SET a = 2, b = 'y' WHERE a = 1", 2, 2),
        ("DELETE FROM t WHERE ctid = (SELECT min(ctid) FROM t WHERE a = 1)", 0, 1),
        ("INSERT INTO t VALUES (1, 'x'), (1, 'x')", 2, 0),
        ("UPDATE t SET b = CASE a WHEN 1 THEN 'y' ELSE 'x' END WHERE a IS NOT NULL", 4, 4),
        ("UPDATE t SET b = NULL WHERE a IS NULL", 1, 1),
    ],
)
def test_pairs_of_equal_rows_are_counted_without_a_key(pair: Pair, change: str, added: int, deleted: int) -> None:
    """An xor of the rows' hashes would miss pairs that come, go or move."""
    before, after = pair(BAG, change)

    found = only(before, after)

    assert (found.added, found.deleted, found.changed) == (added, deleted, 0)


def test_order_of_rows_makes_no_difference(pair: Pair) -> None:
    before, after = pair(
        BAG + FLIGHTS,
        "CREATE TABLE copy AS SELECT * FROM t; TRUNCATE t; INSERT INTO t SELECT * FROM copy ORDER BY b DESC;"
        "DROP TABLE copy; UPDATE flights SET cid = cid",
    )

    assert differing_tables(before, after) == []


def test_columns_that_may_change_match_rows_without_a_key(pair: Pair) -> None:
    before, after = pair(BAG, "UPDATE t SET b = 'z' WHERE a = 1; DELETE FROM t WHERE a IS NULL")

    with before.target.connect() as one, after.target.connect() as other:
        found = compare_rows(one, other, before.catalog, after.catalog, "t", may_change=["b"])

    assert (found.added, found.deleted, found.changed, found.columns) == (0, 1, 2, {"b": 2})


def test_columns_swapped_in_a_bag_are_counted_as_changed(pair: Pair) -> None:
    """Each column alone holds what it held; which of them changed cannot be told, so both are named."""
    before, after = pair(
        "CREATE TABLE t (a int, b text); INSERT INTO t VALUES (1, 'x'), (2, 'y');", "UPDATE t SET a = 3 - a"
    )

    with before.target.connect() as one, after.target.connect() as other:
        found = compare_rows(one, other, before.catalog, after.catalog, "t", may_change=["a", "b"])

    assert (found.changed, found.columns) == (2, {"a": 2, "b": 2})
