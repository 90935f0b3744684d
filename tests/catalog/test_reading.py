"""What is read is what is there: exactly, in one snapshot, without a trace in the session."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from psycopg.pq import TransactionStatus

from pytest_cutover.catalog import Catalog, diff, read_catalog
from pytest_cutover.catalog.stream import Stream
from pytest_cutover.names import OBJECT_KINDS
from pytest_cutover.sandbox import Server
from pytest_cutover.target import Target


def test_every_kind_of_object_is_in_the_catalog(rich_catalog: Catalog) -> None:
    kinds = {name.partition(":")[0] for name in rich_catalog.objects()}

    assert kinds <= set(OBJECT_KINDS)
    assert kinds >= {
        "schema", "table", "column", "constraint", "index", "sequence", "view", "function", "aggregate", "trigger",
        "policy", "type", "extension", "rule", "statistics", "event_trigger", "publication", "operator", "database",
        "default_privileges", "foreign_server", "foreign_data_wrapper", "user_mapping", "text_search",
    }  # fmt: skip


def test_a_column_is_read_with_its_attributes(rich_catalog: Catalog) -> None:
    columns = rich_catalog.columns

    assert [column.name for column in rich_catalog.columns_of("flights")] == [
        "id", "callsign", "departure", "seconds", "minutes", "started_at", "number", "remark",
    ]  # fmt: skip
    assert [column.position for column in rich_catalog.columns_of("flights")] == list(range(1, 9))
    assert columns["flights.id"].default == "nextval('public.flights_id_seq'::regclass)"
    assert (columns["flights.callsign"].type, columns["flights.callsign"].nullable) == ("character varying(10)", False)
    assert (columns["flights.minutes"].generated, columns["flights.minutes"].default) == ("stored", "(seconds / 60)")
    assert columns["flights.number"].identity == "by default"
    assert columns["flights.remark"].collation == '"C"'
    assert columns["airports.feeling"].type == "public.mood"
    assert columns["airports.name"].comment == "in English"


def test_constraints_and_keys(rich_catalog: Catalog) -> None:
    foreign = rich_catalog.constraints["flights.departure_known"]

    assert rich_catalog.primary_key("airports") == ("code",)
    assert rich_catalog.primary_key("app.events") == ("id", "at")
    assert rich_catalog.primary_key("derived") == rich_catalog.primary_key("no such table") == ()
    assert (foreign.columns, foreign.references, foreign.references_columns) == (("departure",), "airports", ("code",))
    assert foreign.definition == "FOREIGN KEY (departure) REFERENCES public.airports(code)"
    assert not rich_catalog.constraints["flights.remark_short"].validated
    assert rich_catalog.constraints["flights.remark_short"].definition == "CHECK ((length(remark) < 100))"
    assert rich_catalog.constraints["app.events_2026.events_2026_pkey"].parent == "app.events.events_pkey"


def test_indexes(rich_catalog: Catalog) -> None:
    lower = rich_catalog.indexes["flights_lower"]

    assert (lower.table, lower.method, lower.valid, lower.unique) == ("flights", "btree", True, False)
    assert (lower.columns, lower.included) == (("lower(callsign::text)",), ("seconds",))
    assert lower.predicate == "(seconds > 0)"
    assert rich_catalog.indexes["callsign_once"].constraint == "flights.callsign_once"
    assert rich_catalog.indexes["app.events_2026_kind_idx"].parent == "app.events_kind"
    assert rich_catalog.indexes["app.totals_departure"].table == "app.totals"


def test_partitions_and_inheritance(rich_catalog: Catalog) -> None:
    assert rich_catalog.tables["app.events"].kind == "partitioned"
    assert rich_catalog.tables["app.events"].partition_key == "RANGE (at)"
    assert rich_catalog.tables["app.events_2026"].partition_of == "app.events"
    assert rich_catalog.tables["app.events_2026"].partition_bound == "FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')"
    assert rich_catalog.tables["derived"].inherits == ("base",)


def test_the_position_of_a_sequence_is_exact(connection: psycopg.Connection) -> None:
    """One that was never called looks the same from afar wherever it stands."""
    connection.execute(b"SELECT setval('unused', 42, false)")
    sequences = read_catalog(connection).sequences

    assert (sequences["unused"].last_value, sequences["unused"].is_called) == (42, False)
    assert (sequences["app.tickets"].last_value, sequences["app.tickets"].is_called) == (10, False)
    assert (sequences["flights_id_seq"].last_value, sequences["flights_id_seq"].is_called) == (2, True)
    assert sequences["flights_id_seq"].owned_by == "flights.id"
    assert sequences["flights_number_seq"].identity


def test_many_unused_sequences_are_read(new_database: Callable[..., Target]) -> None:
    target = new_database(
        "DO $$BEGIN FOR i IN 1..120 LOOP EXECUTE format('CREATE SEQUENCE s%s START %s', i, i); END LOOP; END$$"
    )

    with target.connect() as connection:
        sequences = read_catalog(connection).sequences

    assert {name: (each.last_value, each.is_called) for name, each in sequences.items()} == {
        f"s{i}": (i, False) for i in range(1, 121)
    }


def test_functions_are_named_by_their_argument_types(new_database: Callable[..., Target]) -> None:
    target = new_database(
        "CREATE TYPE mood AS ENUM ('a'); CREATE TYPE text AS (a integer); CREATE SCHEMA app;"
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';"
        "CREATE FUNCTION f(mood, mood[]) RETURNS int LANGUAGE sql AS 'SELECT 1';"
        "CREATE FUNCTION f(pg_catalog.text) RETURNS int LANGUAGE sql AS 'SELECT 1';"
        "CREATE FUNCTION f(public.text) RETURNS int LANGUAGE sql AS 'SELECT 1';"
        "CREATE FUNCTION app.\"F.x\"(double precision, VARIADIC integer[]) RETURNS int LANGUAGE sql AS 'SELECT 1';"
    )

    with target.connect() as connection:
        functions = read_catalog(connection).functions

    assert set(functions) == {
        "f()", "f(mood, mood[])", "f(text)", "f(public.text)", 'app."F.x"(double precision, integer[])',
    }  # fmt: skip


def test_what_an_extension_owns_is_left_out(rich_catalog: Catalog) -> None:
    assert rich_catalog.extensions["pg_trgm"].schema == "public"
    assert not [name for name in rich_catalog.objects() if "trgm" in name and name != "extension:pg_trgm"]
    assert not [name for name in rich_catalog.objects() if "similarity" in name]


def test_what_a_range_type_brings_along_is_left_out(rich_catalog: Catalog) -> None:
    assert rich_catalog.types["app.span"].kind == "range"
    assert not [name for name in rich_catalog.functions if "span" in name]
    assert not [name for name in rich_catalog.objects() if "multirange" in name]


def test_hostile_names_stay_apart(new_database: Callable[..., Target]) -> None:
    target = new_database(
        'CREATE SCHEMA a; CREATE SCHEMA "a.b"; CREATE TABLE "a.b" (c int); CREATE TABLE a.b (c int);'
        'CREATE TABLE "a.b".c (c int); CREATE TABLE a."b.c" (c int); CREATE TABLE "a""b" (c int);'
        'CREATE TABLE "A" ("✈" int); CREATE TABLE "two\nlines" (c int);'
    )

    with target.connect() as connection:
        catalog = read_catalog(connection)

    assert set(catalog.tables) == {'"a.b"', "a.b", '"a.b".c', 'a."b.c"', '"a""b"', "A", "two\nlines"}
    assert len(catalog.columns) == 7
    assert {table: len(catalog.columns_of(table)) for table in catalog.tables} == dict.fromkeys(catalog.tables, 1)


def test_definitions_do_not_depend_on_the_session(rich: Target, rich_catalog: Catalog) -> None:
    with rich.connect() as connection:
        connection.execute(
            b"SET search_path = app, public; SET DateStyle = 'SQL, DMY'; SET IntervalStyle = 'iso_8601';"
            b"SET TimeZone = 'Asia/Tokyo'; SET quote_all_identifiers = on; SET extra_float_digits = 0;"
            b"SET bytea_output = 'escape'"
        )

        assert read_catalog(connection) == rich_catalog


@pytest.mark.parametrize("autocommit", [True, False])
def test_the_session_is_left_as_it_was(rich: Target, rich_catalog: Catalog, autocommit: bool) -> None:
    with rich.connect(autocommit=autocommit) as connection:
        connection.execute(b"SET search_path = app, pg_catalog; SET DateStyle = 'German'")
        connection.commit()

        assert read_catalog(connection) == rich_catalog
        assert connection.autocommit is autocommit
        assert connection.info.transaction_status == TransactionStatus.IDLE
        assert connection.execute(b"SHOW search_path").fetchone() == ("app, pg_catalog",)
        assert connection.execute(b"SHOW DateStyle").fetchone() == ("German, DMY",)


def test_an_open_transaction_is_kept_and_its_changes_are_seen(rich: Target, rich_catalog: Catalog) -> None:
    with rich.connect(autocommit=False) as connection:
        connection.execute(b"SET LOCAL search_path = app; CREATE TABLE app.new_one (a integer)")

        found = diff(rich_catalog, read_catalog(connection))

        assert [each.object for each in found.added] == ["table:app.new_one"]
        assert connection.info.transaction_status == TransactionStatus.INTRANS
        assert connection.execute(b"SHOW search_path").fetchone() == ("app",)
        connection.rollback()


def test_a_read_only_session_is_enough(rich: Target, rich_catalog: Catalog) -> None:
    with rich.connect(read_only=True) as connection:
        assert read_catalog(connection) == rich_catalog


def test_an_ordinary_role_sees_the_same_objects(rich: Target, rich_catalog: Catalog) -> None:
    """Where it may not look, the value is missing, and that is a difference."""
    with rich.connect() as connection:
        connection.execute(b"SET ROLE cat_bob")
        seen = read_catalog(connection)

    assert set(seen.objects()) == set(rich_catalog.objects())
    assert seen.columns == rich_catalog.columns
    assert seen.sequences["unused"].last_value is None
    assert "altered sequence:unused: position 1 (not used yet) → unreadable" in str(diff(rich_catalog, seen))


def test_what_changes_while_it_is_read_is_not_seen_by_halves(rich: Target, rich_catalog: Catalog) -> None:
    with rich.connect(autocommit=False) as reader, rich.connect() as writer:
        reader.execute(b"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        reader.execute(b"SELECT count(*) FROM pg_class")
        writer.execute(b"CREATE TABLE late (id bigserial PRIMARY KEY)")
        try:
            assert "late" not in read_catalog(reader).tables
            reader.rollback()
            assert "late" in read_catalog(reader).tables
        finally:
            writer.execute(b"DROP TABLE late")


def test_a_second_read_on_the_same_connection_is_equal(rich: Target) -> None:
    with rich.connect(read_only=True) as connection:
        assert read_catalog(connection) == read_catalog(connection)


def test_without_pipeline_mode_the_same_is_read(
    rich: Target, rich_catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(psycopg.Pipeline, "is_supported", classmethod(lambda cls: False))

    with rich.connect(read_only=True) as connection:
        assert read_catalog(connection) == rich_catalog


def test_a_refused_query_leaves_the_connection_usable(rich: Target) -> None:
    with rich.connect() as connection:
        with pytest.raises(psycopg.errors.DivisionByZero), Stream(connection) as stream:
            stream.add({"good": "SELECT 1 AS a", "bad": "SELECT 1 / 0 AS a", "after": "SELECT 2 AS a"})
            assert stream["good"][0].a == 1
            _ = stream["after"]

        assert connection.execute(b"SELECT 3").fetchone() == (3,)
        assert read_catalog(connection).tables


def test_a_lost_connection_is_an_error(server: Server, clone: Callable[[], Target]) -> None:
    connection = clone().connect()
    with server.maintenance.connect() as maintenance:
        maintenance.execute(b"SELECT pg_terminate_backend(%s)", (connection.info.backend_pid,))

    with pytest.raises(psycopg.OperationalError):
        read_catalog(connection)


def test_a_restored_dump_equals_its_origin(
    server: Server, rich: Target, rich_catalog: Catalog, new_database: Callable[..., Target], tmp_path: Path
) -> None:
    dump = tmp_path / "dump.sql"
    copy = new_database()
    environment = rich.libpq_environment(os.environ)
    subprocess.run([server.programs / "pg_dump", "-f", dump], env=environment, check=True, capture_output=True)
    restored = subprocess.run(
        [server.programs / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", dump],
        env=copy.libpq_environment(os.environ), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert restored.returncode == 0, restored.stderr

    with copy.connect(read_only=True) as connection:
        found = diff(rich_catalog, read_catalog(connection))

    assert str(found) == "no difference"
