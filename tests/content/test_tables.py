"""Every kind of table that holds rows counts, whatever it is called and made of."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pytest_cutover.content import differing_tables, table_contents, uncompared
from pytest_cutover.errors import QueryError
from pytest_cutover.target import Target
from tests.content.pairs import FLIGHTS, TYPES, Pair, only


def test_partitioned_table_is_compared_as_a_whole(pair: Pair) -> None:
    create = """
        CREATE TABLE p (id int PRIMARY KEY, v int) PARTITION BY RANGE (id);
        CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
        INSERT INTO p SELECT n, n FROM generate_series(0, 9) AS n;
    """
    move = """
        ALTER TABLE p DETACH PARTITION p1;
        CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (0) TO (5);
        CREATE TABLE p3 PARTITION OF p FOR VALUES FROM (5) TO (10);
        INSERT INTO p SELECT * FROM p1; DROP TABLE p1;
    """
    before, after = pair(create, move)

    assert list(before.contents) == ["p"]
    assert before.contents["p"].rows == 10
    assert differing_tables(before, after) == []


def test_inheriting_table_is_compared_apart(pair: Pair) -> None:
    create = """
        CREATE TABLE parent (id int PRIMARY KEY, v int); CREATE TABLE child (PRIMARY KEY (id)) INHERITS (parent);
        INSERT INTO parent VALUES (1, 1); INSERT INTO child VALUES (2, 2);
    """
    before, after = pair(create, "UPDATE parent SET v = 0 WHERE id = 2")

    assert {name: each.rows for name, each in before.contents.items()} == {"child": 1, "parent": 1}
    assert only(before, after).table == "child"


def test_foreign_tables_are_left_out_and_named(pair: Pair) -> None:
    before, _ = pair("""
        CREATE FOREIGN DATA WRAPPER w; CREATE SERVER elsewhere FOREIGN DATA WRAPPER w;
        CREATE FOREIGN TABLE away (id int) SERVER elsewhere;
        CREATE TABLE p (id int) PARTITION BY RANGE (id);
        CREATE FOREIGN TABLE far PARTITION OF p FOR VALUES FROM (0) TO (10) SERVER elsewhere;
    """)

    assert before.contents == {}
    assert uncompared(before.catalog) == {
        "away": "its rows are on another server",
        "far": "its rows are on another server",
        "p": "the rows of its partition far are on another server",
    }
    with pytest.raises(QueryError, match="the rows of away cannot be compared: its rows are on another server"):
        table_contents(before.connection, before.catalog, ["away"])


def test_materialized_view_and_unlogged_table_count_too(pair: Pair) -> None:
    create = (
        FLIGHTS
        + """
        CREATE MATERIALIZED VIEW busy AS SELECT cid, count(*) AS n FROM flights GROUP BY cid;
        CREATE MATERIALIZED VIEW never AS SELECT 1 AS one WITH NO DATA;
        CREATE UNLOGGED TABLE fast (id int PRIMARY KEY, v int); INSERT INTO fast VALUES (1, 1);
    """
    )
    before, after = pair(
        create, "DELETE FROM flights WHERE cid = 0; REFRESH MATERIALIZED VIEW busy; UPDATE fast SET v = 2"
    )

    found = {each.table: each for each in differing_tables(before, after)}

    assert set(found) == {"flights", "busy", "fast"}
    assert (found["busy"].deleted, found["busy"].keyed) == (1, False)
    assert before.contents["never"].rows == 0


def test_tables_of_an_extension_count_too(pair: Pair) -> None:
    create = (
        "CREATE TABLE jobs (id int, v text); INSERT INTO jobs VALUES (1, 'a'); ALTER EXTENSION plpgsql ADD TABLE jobs;"
    )
    before, after = pair(create, "UPDATE jobs SET v = 'b'")

    assert only(before, after).table == "jobs"


def test_large_objects_count_too(pair: Pair) -> None:
    create = "SELECT lo_from_bytea(4000000, '\\xabcd'), lo_create(4000001)"
    before, after = pair(create, "SELECT lo_put(4000000, 0, '\\xff'), lo_unlink(4000001)")

    found = {each.table: each for each in differing_tables(before, after)}

    assert found["pg_catalog.pg_largeobject"].columns == {"data": 1}
    assert found["pg_catalog.pg_largeobject_metadata"].deleted_keys == (("4000001",),)


def test_column_on_one_side_only_is_no_change_of_rows(pair: Pair) -> None:
    before, after = pair(
        FLIGHTS,
        """ALTER TABLE flights ADD COLUMN note text DEFAULT 'new', DROP COLUMN altitude;
        ALTER TABLE flights RENAME cid TO crew""",
    )

    assert differing_tables(before, after) == []


def test_changed_type_is_compared_by_text(pair: Pair) -> None:
    create = """
        CREATE TABLE t (id int PRIMARY KEY, a int, b char(5), c int, d varchar(9));
        INSERT INTO t VALUES (1, 1, 'x', 1, 'y'), (2, 2, 'z', NULL, 'w');
    """
    before, after = pair(
        create,
        """ALTER TABLE t ALTER id TYPE bigint, ALTER a TYPE text, ALTER b TYPE text, ALTER c TYPE numeric(9, 2),
        ALTER d TYPE text""",
    )

    found = only(before, after)

    assert found.columns == {"c": 1}
    assert found.changed_keys == ((1,),)


def test_restore_that_gives_other_oids_is_equal(new_database: Callable[..., Target], pair: Pair) -> None:
    """Enums, composites and names of relations are the same in a database that was filled anew."""
    create = (
        TYPES
        + """
        CREATE TABLE t (id int PRIMARY KEY, m mood, ms mood[], p pair, r regclass);
        INSERT INTO t VALUES (1, 'sad', '{glad}', '(1,a)', 't');
    """
    )
    first, _ = pair(create)
    second, _ = pair(
        "CREATE TABLE shift (id int); DROP TABLE shift; CREATE TYPE other AS ENUM ('x'); DROP TYPE other;" + create
    )

    oids = [each.scalar("SELECT 'mood'::regtype::oid::int") for each in (first, second)]
    assert oids[0] != oids[1]
    assert differing_tables(first, second) == []


def test_hostile_names_are_only_names(pair: Pair) -> None:
    create = """
        CREATE SCHEMA "a.b"; CREATE TABLE "a.b"."%s ""x"";--" ("%(id)s" int, "s" int, "c0" text, "q" int, "r" int,
            "select ""1" int, PRIMARY KEY ("%(id)s", "s"));
        INSERT INTO "a.b"."%s ""x"";--" VALUES (1, 2, 'c', 4, 5, 6);
    """
    before, after = pair(create, """UPDATE "a.b"."%s ""x"";--" SET "select ""1" = 7, "c0" = 'd' """)

    found = only(before, after)

    assert found.table == '"a.b"."%s ""x"";--"'
    assert found.columns == {"c0": 1, 'select "1': 1}
    assert found.changed_keys == ((1, 2),)


def test_operators_of_the_database_are_not_called(pair: Pair) -> None:
    """A function or operator of `public` must not stand in for the server's."""
    create = (
        FLIGHTS
        + """
        CREATE FUNCTION public.hashint4extended(int, int) RETURNS int8 LANGUAGE sql IMMUTABLE AS 'SELECT 1::int8';
        CREATE FUNCTION public.same(int8, int8) RETURNS int8 LANGUAGE sql IMMUTABLE AS 'SELECT 1::int8';
        CREATE OPERATOR public.# (leftarg = int8, rightarg = int8, function = public.same);
        DO $$ BEGIN
            EXECUTE format('ALTER DATABASE %I SET search_path = public, pg_catalog', current_database());
        END $$;
    """
    )
    before, after = pair(create, "UPDATE flights SET cid = 99 WHERE id = 4")

    assert only(before, after).changed_keys == ((4,),)


def test_table_of_1600_columns_is_read(pair: Pair) -> None:
    columns = ", ".join(f"c{n} int" for n in range(1599))
    before, after = pair(
        f"CREATE TABLE wide (id int PRIMARY KEY, {columns}); INSERT INTO wide VALUES (1), (2);"
        f"CREATE TABLE bag (id int, {columns}); INSERT INTO bag VALUES (1), (2);",
        "UPDATE wide SET c1598 = 1 WHERE id = 2; UPDATE bag SET c1598 = 1 WHERE id = 2",
    )

    found = {each.table: each for each in differing_tables(before, after)}

    assert found["wide"].columns == {"c1598": 1}
    assert (found["bag"].added, found["bag"].deleted) == (1, 1)


def test_table_without_columns_or_rows_is_counted(pair: Pair) -> None:
    before, after = pair(
        "CREATE TABLE nothing (); INSERT INTO nothing DEFAULT VALUES; CREATE TABLE empty (id int PRIMARY KEY);",
        "INSERT INTO nothing DEFAULT VALUES",
    )

    assert (before.contents["nothing"].rows, before.contents["empty"].rows) == (1, 0)
    assert only(before, after).added == 1


def test_big_values_differ_by_their_last_byte(pair: Pair) -> None:
    create = """
        CREATE TABLE t (id int PRIMARY KEY, v text, b bytea, j jsonb);
        INSERT INTO t SELECT 1, string_agg(md5(n::text), ''), decode(string_agg(md5(n::text), ''), 'hex'),
            jsonb_agg(md5(n::text)) FROM generate_series(1, 60000) AS n;
    """
    before, after = pair(create, "UPDATE t SET v = left(v, -1) || 'x', b = set_byte(b, length(b) - 1, 7)")

    assert only(before, after).columns == {"v": 1, "b": 1}


def test_generated_and_dropped_columns_are_in_order(pair: Pair) -> None:
    create = """
        CREATE TABLE t (gone int, id int PRIMARY KEY, v int, twice int GENERATED ALWAYS AS (v * 2) STORED);
        ALTER TABLE t DROP COLUMN gone; INSERT INTO t VALUES (1, 1);
    """
    before, after = pair(create, "UPDATE t SET v = 5")

    assert only(before, after).columns == {"v": 1, "twice": 1}


def test_table_on_one_side_only_is_named(pair: Pair) -> None:
    before, after = pair(FLIGHTS, "CREATE TABLE fresh (id int); INSERT INTO fresh VALUES (1); DROP TABLE flights")

    found = differing_tables(before, after)

    assert [(each.table, each.only_in, each.summary) for each in found] == [
        ("flights", "before", "gone, with 50 rows"),
        ("fresh", "after", "new, with 1 row"),
    ]
