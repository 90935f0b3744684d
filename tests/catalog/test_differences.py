"""Every single change of a schema is seen, named and put into words; and nothing else is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from pathlib import Path

import psycopg
import pytest

from pytest_cutover.catalog import Catalog, Difference, Grant, diff, objects, read_catalog
from pytest_cutover.catalog.wording import FLAGS, changes
from pytest_cutover.sandbox import Server
from pytest_cutover.target import Target

CHANGES = Path(__file__).with_name("changes.sql")


def _read_changes() -> list[tuple[str, list[str]]]:
    """Each statement with the lines expected of it."""
    blocks = re.findall(r"^(.+);\n((?:--> .*\n)+)", CHANGES.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return [(statement, re.findall(r"^--> (.*)$", lines, flags=re.MULTILINE)) for statement, lines in blocks]


def _line(each: Difference) -> str:
    text = f"{each.kind} {each.object} with {each.goes_with}" if each.goes_with else str(each)
    return text.replace("\n", " ⏎ ")


def _primary(found: object) -> list[str]:
    """The differences that stand for themselves."""
    return str(found).splitlines()


@pytest.fixture(scope="module")
def session(server: Server, rich: Target) -> Iterator[psycopg.Connection]:
    """A session on a copy of the rich database whose every change is undone."""
    target = server.create("catalog_rich", template=rich)
    with target.connect(autocommit=False) as connection:
        yield connection
        connection.rollback()
    server.drop(target.database)


def test_two_copies_of_a_database_do_not_differ(clone: Callable[[], Target], rich_catalog: Catalog) -> None:
    with clone().connect(read_only=True) as first, clone().connect(read_only=True) as second:
        found = diff(read_catalog(first), read_catalog(second))

        assert not found
        assert found.all == found.added == found.dropped == found.altered == ()
        assert str(found) == "no difference"
        assert read_catalog(first) == rich_catalog


def test_the_table_of_changes_is_read_whole() -> None:
    text = CHANGES.read_text(encoding="utf-8")

    assert sum(len(lines) for _, lines in _read_changes()) == len(re.findall(r"^-->", text, flags=re.MULTILINE)) > 300
    assert len(_read_changes()) > 200


@pytest.mark.parametrize(
    ("statement", "expected"),
    [pytest.param(statement, lines, id=statement[:70]) for statement, lines in _read_changes()],
)
def test_a_change_is_named_in_words(
    session: psycopg.Connection, rich_catalog: Catalog, statement: str, expected: list[str]
) -> None:
    """Each runs in a transaction that is undone, so that all can share one database."""
    try:
        session.execute(b"SET LOCAL allow_system_table_mods = on")
        session.execute(statement.encode())
        after = read_catalog(session)
    finally:
        session.rollback()
    found = [_line(each) for each in diff(rich_catalog, after).all if "_not_null" not in each.object]

    assert len(found) == len(expected), found
    for line, wanted in zip(found, expected, strict=True):
        assert line.startswith(wanted[:-1]) if wanted.endswith("…") else line == wanted


def test_undone_changes_leave_no_difference(session: psycopg.Connection, rich_catalog: Catalog) -> None:
    session.execute(b"DROP TABLE flights CASCADE")
    session.rollback()

    assert not diff(rich_catalog, read_catalog(session))


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("SELECT nextval('app.tickets')", "altered sequence:app.tickets: position 10 (not used yet) → 10"),
        ("SELECT setval('app.tickets', 95)", "altered sequence:app.tickets: position 10 (not used yet) → 95"),
        ("SELECT setval('unused', 7, false)", "altered sequence:unused: position 1 (not used yet) → 7 (not used yet)"),
        ("SELECT setval('flights_id_seq', 2, false)", "altered sequence:flights_id_seq: position 2 → 2 (not used yet)"),
        ("ALTER SEQUENCE flights_id_seq RESTART", "altered sequence:flights_id_seq: position 2 → 1 (not used yet)"),
        ("TRUNCATE flights RESTART IDENTITY", None),
    ],
)
def test_a_moved_sequence_is_a_difference_unless_left_out(
    connection: psycopg.Connection, rich_catalog: Catalog, statement: str, expected: str | None
) -> None:
    connection.execute(statement.encode())
    after = read_catalog(connection)

    assert _primary(diff(rich_catalog, after)) == (
        [expected]
        if expected
        else [
            "altered sequence:flights_id_seq: position 2 → 1 (not used yet)",
            "altered sequence:flights_number_seq: position 2 → 1 (not used yet)",
        ]
    )
    assert not diff(rich_catalog, after, sequences=False)


def test_only_the_position_of_a_sequence_is_left_out(connection: psycopg.Connection, rich_catalog: Catalog) -> None:
    connection.execute(b"SELECT nextval('app.tickets'); ALTER SEQUENCE app.tickets CACHE 7")

    found = diff(rich_catalog, read_catalog(connection), sequences=False)

    assert _primary(found) == ["altered sequence:app.tickets: cache 1 → 7"]


def test_every_changed_attribute_is_listed(connection: psycopg.Connection, rich_catalog: Catalog) -> None:
    connection.execute(
        b"ALTER TABLE airports ALTER name DROP NOT NULL, ALTER name SET DEFAULT 'x', ALTER name SET STATISTICS 5;"
        b"COMMENT ON COLUMN airports.name IS NULL; GRANT SELECT (name) ON airports TO cat_alice"
    )

    assert _primary(diff(rich_catalog, read_catalog(connection))) == [
        "altered column:airports.name: NOT NULL → nullable; default 'x'::text added; statistics 5 added;"
        ' grant SELECT to cat_alice added; comment "in English" dropped'
    ]


def test_an_index_that_could_not_be_built_is_invalid(connection: psycopg.Connection, rich_catalog: Catalog) -> None:
    """CREATE INDEX CONCURRENTLY leaves it behind, and IF NOT EXISTS then takes it for the index that was wanted."""
    with pytest.raises(psycopg.errors.UniqueViolation):
        connection.execute(b"CREATE UNIQUE INDEX CONCURRENTLY seconds_once ON flights (seconds)")

    found = diff(rich_catalog, read_catalog(connection))

    assert [each.object for each in found.added] == ["index:seconds_once"]
    assert found.added[0].detail.endswith("USING btree (seconds) (INVALID)")


def test_what_the_server_notes_of_a_column_for_itself_is_no_difference(
    connection: psycopg.Connection, rich_catalog: Catalog
) -> None:
    """Older minor releases of a server take no notice of what newer ones write there."""
    connection.execute(
        b"UPDATE pg_attribute SET attoptions = array_append(attoptions, 'pg_attver=' || 4711 + attnum) WHERE attrelid = 'flights'::regclass"
    )
    assert not diff(rich_catalog, read_catalog(connection))

    connection.execute(
        b"UPDATE pg_attribute SET attoptions = array_append(attoptions, 'n_distinct=5')"
        b" WHERE attrelid = 'flights'::regclass AND attname = 'seconds'"
    )
    assert _primary(diff(rich_catalog, read_catalog(connection))) == [
        "altered column:flights.seconds: option n_distinct=5 added"
    ]


def test_a_default_privilege_that_is_written_out_is_no_difference(
    connection: psycopg.Connection, rich_catalog: Catalog
) -> None:
    connection.execute(
        b"GRANT ALL ON busy, app.events TO CURRENT_USER; REVOKE ALL ON app.events FROM cat_bob;"
        b"GRANT EXECUTE ON FUNCTION minutes_of TO PUBLIC; GRANT USAGE ON TYPE mood TO PUBLIC;"
        b"GRANT SELECT (kind) ON app.events TO cat_bob; REVOKE SELECT (kind) ON app.events FROM cat_bob"
    )

    assert not diff(rich_catalog, read_catalog(connection))


def test_a_dropped_column_changes_no_other_one(connection: psycopg.Connection, rich_catalog: Catalog) -> None:
    """Later columns keep their numbers in the catalog; their place among the living moves up."""
    connection.execute(b"ALTER TABLE flights DROP COLUMN seconds CASCADE; ALTER TABLE flights ADD COLUMN last integer")

    found = diff(rich_catalog, read_catalog(connection))

    assert not found.altered
    assert [each.object for each in found.added] == ["column:flights.last"]
    assert "column:flights.seconds" in [each.object for each in found.dropped]


def test_what_goes_with_a_dropped_table_is_kept_in_all(connection: psycopg.Connection, rich_catalog: Catalog) -> None:
    connection.execute(b"DROP TABLE derived, base")

    found = diff(rich_catalog, read_catalog(connection))

    assert [each.object for each in found.dropped] == ["table:base", "table:derived"]
    assert {each.object for each in found.all} == {
        "table:base", "table:derived", "column:base.a", "column:base.b", "column:derived.a", "column:derived.b",
        "column:derived.c", "constraint:base.a_positive", "constraint:derived.a_positive",
    }  # fmt: skip


def test_a_difference_has_an_opposite(connection: psycopg.Connection, rich_catalog: Catalog) -> None:
    connection.execute(b"DROP INDEX flights_lower; ALTER TABLE flights ADD COLUMN tail text")
    after = read_catalog(connection)

    back = diff(after, rich_catalog)

    assert [each.object for each in back.added] == ["index:flights_lower"]
    assert [each.object for each in back.dropped] == ["column:flights.tail"]


def test_servers_of_two_major_versions_are_compared_in_what_both_know(rich_catalog: Catalog) -> None:
    """Only since 17 there is a MAINTAIN privilege, only since 18 a NOT NULL constraint has a name."""
    newer = replace(
        _with_maintain(rich_catalog, True),
        server_version=180001,
        constraints={
            **rich_catalog.constraints,
            "airports.n": objects.Constraint("airports", "n", "not_null", "NOT NULL name", columns=("name",)),
        },
    )
    older = replace(
        _with_maintain(rich_catalog, False),
        server_version=160001,
        constraints={name: each for name, each in rich_catalog.constraints.items() if each.type != "not_null"},
    )

    assert not diff(older, newer)
    assert not diff(newer, older)
    assert "constraint:airports.n" in [each.object for each in diff(replace(older, server_version=180001), newer).all]
    assert len(diff(replace(older, server_version=180001), newer).altered) == len(older.tables) + len(older.views)


def test_a_named_not_null_constraint_goes_with_its_column(rich_catalog: Catalog) -> None:
    """Since 18 SET NOT NULL makes a constraint with a name; a plan declares only the column."""
    column = rich_catalog.columns["airports.share"]
    named = objects.Constraint("airports", "airports_share_not_null", "not_null", "NOT NULL share", columns=("share",))
    after = replace(
        rich_catalog,
        columns={**rich_catalog.columns, "airports.share": replace(column, nullable=False)},
        constraints={**rich_catalog.constraints, named.full_name: named},
    )

    found = diff(rich_catalog, after)

    assert [each.object for each in found.all if each.goes_with == "column:airports.share"] == [
        "constraint:airports.airports_share_not_null"
    ]
    assert _primary(found) == ["altered column:airports.share: nullable → NOT NULL"]


def _with_maintain(catalog: Catalog, granted: bool) -> Catalog:
    """The catalog with or without the MAINTAIN privilege of every owner."""

    def acl(each: objects.Table | objects.View) -> tuple[Grant, ...]:
        others = {grant for grant in each.acl if grant.privilege != "MAINTAIN"}
        own = {Grant(each.owner, "MAINTAIN", False, each.owner)}
        return tuple(sorted(others | own if granted else others))

    return replace(
        catalog,
        tables={name: replace(each, acl=acl(each)) for name, each in catalog.tables.items()},
        views={name: replace(each, acl=acl(each)) for name, each in catalog.views.items()},
    )


def test_every_flag_of_the_model_has_words() -> None:
    flags = {(cls, each.name) for cls in objects.FIELDS for each in fields(cls) if each.type == "bool"}

    assert flags == set(FLAGS)


@pytest.mark.parametrize("cls", objects.FIELDS, ids=lambda cls: cls.__name__)
def test_no_attribute_of_the_model_changes_silently(cls: type) -> None:
    """Whatever two objects differ in is told, but for a column's place, which is told of the table."""
    samples = {
        "bool": (False, True),
        "int": (1, 2),
        "int | None": (1, 2),
        "float": (1.0, 2.0),
        "bool | None": (False, True),
    }
    for each in fields(cls):
        if (cls, each.name) in {(objects.Column, "position")}:
            continue
        first, second = samples.get(str(each.type), ("a", "b"))
        if str(each.type).startswith("tuple[") or each.type == "Acl":
            first, second = (), _one_of(cls, each.name)
        base = {other.name: samples.get(str(other.type), ("a",))[0] for other in fields(cls)}
        base |= {other.name: () for other in fields(cls) if str(other.type).startswith("tuple[") or other.type == "Acl"}

        told = changes(cls(**{**base, each.name: first}), cls(**{**base, each.name: second}))

        assert told, f"{cls.__name__}.{each.name} changed from {first!r} to {second!r}"


def _one_of(cls: type, name: str) -> tuple[object, ...]:
    """A tuple with one element of the kind that the field holds."""
    if name == "acl":
        return (Grant("bob", "SELECT", False, "alice"),)
    if (cls, name) in {(objects.View, "columns"), (objects.Type, "attributes")}:
        return (objects.Column("t", "c", 1, "integer"),)
    if (cls, name) == (objects.Type, "constraints"):
        return (objects.DomainConstraint("c", "CHECK (true)"),)
    return (("word", "value"),) if name == "attributes" else ("x",)
