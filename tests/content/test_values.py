"""Two values that differ in any way are seen, wherever they stand; and no two rows hide a swap."""

from __future__ import annotations

import psycopg
import pytest

from pytest_cutover.content import differing_tables
from pytest_cutover.content.hashing import method, value_hash
from tests.content.pairs import FLIGHTS, TYPES, Pair, only

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
