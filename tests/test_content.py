"""What tables hold: fingerprints see every difference and no other; rows that differ are counted and named."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_cutover.content import compare_rows, differing_tables, table_contents, uncompared
from pytest_cutover.content.differences import RowDifferences
from pytest_cutover.content.hashing import method, value_hash
from pytest_cutover.content.layout import Stored, layout_of
from pytest_cutover.content.merge import aligned
from pytest_cutover.database import Database
from pytest_cutover.errors import QueryError
from pytest_cutover.postgresql import PostgresDatabase
from pytest_cutover.target import Target

Pair = Callable[..., tuple[Database, Database]]


@pytest.fixture
def pair(new_database: Callable[..., Target]) -> Iterator[Pair]:
    """A function that makes a database, and a copy of it where more SQL has run."""
    opened: list[Database] = []

    def make(before: str, change: str = "") -> tuple[Database, Database]:
        first = new_database(before)
        second = new_database(change, template=first)
        opened.extend([PostgresDatabase(first, "before"), PostgresDatabase(second, "after")])
        return opened[-2], opened[-1]

    yield make
    for each in opened:
        each.close()


def only(before: Database, after: Database) -> RowDifferences:
    """The differences of the one table that differs."""
    (found,) = differing_tables(before, after)
    return found


FLIGHTS = """
CREATE TABLE flights (id int PRIMARY KEY, callsign text, cid int, altitude int);
INSERT INTO flights SELECT n, 'CS' || n, n % 7, n * 100 FROM generate_series(1, 50) AS n;
"""


# Every pair differs in its bytes or its text; several are equal to the server's own operators and hashes.
UNLIKE = [
    ("smallint", "1", "-1"), ("integer", "0", "1"), ("bigint", "1", "4294967296"), ("bigint", "-1", "-4294967297"),
    ("bigint", "0", "9223372036854775807"), ("numeric", "1.0", "1.00"), ("numeric", "1", "-1"),
    ("numeric", "1", "10000"), ("numeric", "NaN", "Infinity"), ("numeric(10,2)", "0", "0.01"),
    ("real", "0", "-0"), ("real", "1", "1.0000001"), ("double precision", "0", "-0"),
    ("double precision", "NaN", "Infinity"), ("double precision", "0.1", "0.10000000000000002"),
    ("boolean", "true", "false"), ("text", "", " "), ("text", "é", "e\u0301"), ('text COLLATE "C"', "a", "A"),
    ("varchar", "a", "a "), ("varchar(5)", "a", "a "), ("bpchar", "a", "a "), ("char(3)", "a", "b"),
    ('"char"', "a", "b"), ("name", "a", "b"), ("uuid", "0" * 32, "0" * 31 + "1"),
    ("date", "2024-01-01", "2024-01-02"), ("date", "infinity", "-infinity"), ("date", "5874897-12-31", "4713-01-01 BC"),
    ("time", "00:00", "01:11:34.967297"), ("timetz", "10:00+00", "11:00+01"),
    ("timestamp", "2000-01-01", "2000-01-01 01:11:34.967297"), ("timestamp", "infinity", "-infinity"),
    ("timestamp", "1970-01-01", "2024-06-01"), ("timestamptz", "2000-01-01 00:00+00", "2000-01-01 01:11:34.967297+00"),
    ("timestamptz", "294276-12-31 00:00+00", "294276-12-31 00:00:00.000001+00"),
    ("timestamptz", "2000-01-01 00:00+00", "2000-01-01 00:00:00.000001+00"), ("timestamptz", "infinity", "-infinity"),
    ("interval", "1 day", "24 hours"), ("interval", "1 mon", "30 days"), ("bytea", r"\\x00", r"\\x0000"),
    ("bytea", "", r"\\x00"), ("json", '{"a":1}', '{"a": 1}'), ("jsonb", '{"a":1.0}', '{"a":1.00}'),
    ("point", "(1,2)", "(2,1)"), ("box", "(1,1),(0,0)", "(1,1),(0,0.5)"),
    ("jsonpath", "$.a", "$.b"), ("int[]", "{1,2}", "{2,1}"), ("int[]", "{1}", "[2:2]={1}"), ("int[]", "{}", "{NULL}"),
    ("numeric[]", "{1.0}", "{1.00}"), ("mood", "sad", "glad"), ("mood[]", "{sad}", "{glad}"),
    ("pair", "(1,)", '(1,"")'), ("pair", "(,)", "(1,)"), ("pair[]", '{"(1,a)"}', '{"(1,b)"}'),
    ("positive", "1", "2"), ("int4range", "[1,3)", "[1,4)"), ("numrange", "[1.0,2]", "[1.00,2]"),
    ("int4multirange", "{[1,3)}", "{}"), ("tsvector", "a b", "a c"), ("inet", "1.2.3.4/24", "1.2.3.4/16"),
    ("cidr", "10.0.0.0/8", "10.0.0.0/9"), ("macaddr", "08:00:2b:01:02:03", "08:00:2b:01:02:04"),
    ("money", "1.00", "1.01"), ("bit varying", "01", "010"), ("oid", "1", "2"), ("regclass", "pg_class", "pg_type"),
    ("pg_lsn", "0/1", "1/0"),
]  # fmt: skip

TYPES = """
CREATE TYPE mood AS ENUM ('sad', 'glad');
CREATE TYPE pair AS (a int, b text);
CREATE DOMAIN positive AS int CHECK (value > 0);
"""


def test_equal_databases_have_no_differing_table(pair: Pair) -> None:
    before, after = pair(FLIGHTS)

    assert differing_tables(before, after) == []
    assert before.contents == after.contents


def test_each_value_that_differs_in_its_bytes_is_seen(pair: Pair) -> None:
    """A value against another of its type, and against NULL, in every type; and each change alone."""
    tables, changes = [TYPES], []
    for number, (kind, old, new) in enumerate(UNLIKE):
        tables.append(
            f"CREATE TABLE t{number} (id int PRIMARY KEY, v {kind}, n {kind}, same {kind});"
            f"INSERT INTO t{number} VALUES (0, E'{old}', E'{old}', E'{old}'), (1, E'{old}', NULL, E'{new}');"
        )
        changes.append(f"UPDATE t{number} SET v = E'{new}', n = CASE id WHEN 0 THEN NULL ELSE n END WHERE id = 0;")
    before, after = pair("".join(tables), "".join(changes))

    found = {each.table: each for each in differing_tables(before, after)}

    expected = (1, {"v": 1, "n": 1}, ((0,),))
    seen = {name: (each.changed, each.columns, each.changed_keys) for name, each in found.items()}
    assert [kind for number, kind in enumerate(UNLIKE) if seen.get(f"t{number}") != expected] == []


@pytest.mark.parametrize(
    ("kind", "old", "new", "built_with"),
    [("text COLLATE folding", "a", "A", "ICU"), ("xml", "<a/>", "<a></a>", "XML")],
)
def test_value_that_not_every_server_knows_is_told_apart(
    pair: Pair, kind: str, old: str, new: str, built_with: str
) -> None:
    folding = "CREATE COLLATION folding (provider = icu, locale = 'und-u-ks-level2', deterministic = false);"
    create = f"CREATE TABLE t (id int PRIMARY KEY, v {kind}); INSERT INTO t VALUES (1, '{old}');"
    try:
        before, after = pair((folding if built_with == "ICU" else "") + create, f"UPDATE t SET v = '{new}'")
    except psycopg.errors.FeatureNotSupported as error:
        assert built_with in str(error)
        pytest.skip(f"this server was built without {built_with}")

    assert only(before, after).columns == {"v": 1}


@pytest.mark.parametrize(
    "kind",
    [
        "smallint",
        "integer",
        "bigint",
        "boolean",
        "real",
        "numeric",
        "text",
        "uuid",
        "date",
        "timestamptz",
        "bytea",
        "int[]",
    ],
)
def test_no_two_rows_hide_a_swap_of_their_values(pair: Pair, kind: str) -> None:
    """A swap is hidden where two keys turn the same two values into the same difference; no two of 20,000 do."""
    values = {
        "boolean": ("false", "true"), "uuid": (f"{'0' * 32}", f"{'0' * 31}1"), "date": ("2024-01-01", "2024-01-02"),
        "timestamptz": ("2024-01-01", "2024-01-02"), "bytea": ("0", "1"), "int[]": ("{0}", "{1}"),
    }.get(kind, ("0", "1"))  # fmt: skip
    before, _ = pair("")
    how = method({"int[]": "integer[]", "timestamptz": "timestamp with time zone"}.get(kind, kind))
    one, other = (value_hash(how, f"'{value}'::{kind}", "s") for value in values)

    seeds, differences = before.query(
        f"SELECT count(*), count(DISTINCT ({one}) # ({other})) FROM generate_series(-10000::int8, 9999) AS s"
    ).rows[0]

    assert (seeds, differences) == (20_000, 20_000)


def test_values_swapped_between_two_rows_are_seen(pair: Pair) -> None:
    before, after = pair(FLIGHTS, "UPDATE flights SET cid = CASE id WHEN 1 THEN 2 ELSE 1 END WHERE id IN (1, 2)")

    found = only(before, after)

    assert (found.added, found.deleted, found.changed, found.columns) == (0, 0, 2, {"cid": 2})
    assert found.changed_keys == ((1,), (2,))


def test_values_swapped_between_two_columns_are_seen(pair: Pair) -> None:
    before, after = pair(FLIGHTS, "UPDATE flights SET cid = altitude, altitude = cid WHERE id = 3")

    assert only(before, after).columns == {"cid": 1, "altitude": 1}


def test_zero_filled_into_every_null_is_seen(pair: Pair) -> None:
    """The server's hash of a zero float is the seed, and the keys 0 to 3 xor to nothing."""
    create = "CREATE TABLE t (id int PRIMARY KEY, v float8); INSERT INTO t SELECT n FROM generate_series(0, 3) AS n;"
    before, after = pair(create, "UPDATE t SET v = 0")

    assert only(before, after).columns == {"v": 4}


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
