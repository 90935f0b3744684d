"""What a live schema is compared with: the rehearsal's, with the live owner's name where the sandbox had none to give."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pytest_cutover.catalog import Catalog, diff, read_catalog
from pytest_cutover.errors import NotChecked
from pytest_cutover.live.rehearsed import Rehearsed
from pytest_cutover.plan.model import Plan
from pytest_cutover.target import Target

TABLES = "CREATE TABLE a (id int); CREATE TABLE b (id int); GRANT SELECT ON a TO PUBLIC;"


def catalog(target: Target) -> Catalog:
    with target.connect() as connection:
        return read_catalog(connection)


@pytest.fixture
def owned(new_database: Callable[..., Target]) -> Callable[[str], Catalog]:
    """The schema as it is where a role of the live side owns the tables."""

    def make(sql: str) -> Catalog:
        target = new_database(TABLES)
        with target.connect() as connection:
            connection.execute("CREATE ROLE live_owner")
            connection.execute(sql.encode())
            found = read_catalog(connection)
            connection.execute("DROP OWNED BY live_owner; DROP ROLE live_owner")
        return found

    return make


def test_one_other_owner_of_everything_is_only_a_name(
    owned: Callable[[str], Catalog], new_database: Callable[..., Target]
) -> None:
    """A dump without owners is restored as the sandbox's superuser."""
    then = catalog(new_database(TABLES))
    live = owned("ALTER TABLE a OWNER TO live_owner; ALTER TABLE b OWNER TO live_owner;")
    rehearsed = Rehearsed("2026-01-15", "GO", "17.1", "postgres", then, then)

    comparable, note = rehearsed.comparable_to(live, migrated=True)

    assert diff(then, live)
    assert not [each for each in diff(comparable, live).all if each.object.startswith("table:")]
    assert note == "; live_owner owns here what postgres owned in the rehearsal"


def test_an_owner_of_one_table_alone_is_a_difference(
    owned: Callable[[str], Catalog], new_database: Callable[..., Target]
) -> None:
    """A table that somebody else owns may be read and altered by somebody else."""
    then = catalog(new_database(TABLES))
    live = owned("ALTER TABLE b OWNER TO live_owner;")
    rehearsed = Rehearsed("2026-01-15", "GO", "17.1", "postgres", then, then)

    comparable, note = rehearsed.comparable_to(live, migrated=True)

    assert [each.object for each in diff(comparable, live).all] == ["table:b"]
    assert note == ""


def test_what_only_the_prelude_made_is_not_compared(new_database: Callable[..., Target]) -> None:
    """The schema `auth` of a sandbox is a stand-in for a real one."""
    then = catalog(new_database(TABLES + "CREATE SCHEMA auth; CREATE TABLE auth.users (id int);"))
    live = catalog(new_database(TABLES + "CREATE SCHEMA auth; CREATE TABLE auth.users (id int, mail text);"))
    rehearsed = Rehearsed("2026-01-15", "GO", "17.1", "postgres", then, then, ("public",))

    found = [each.object for each in diff(then, live).all]

    assert found == ["column:auth.users.mail"]
    assert not rehearsed.compares(found[0], then, live)
    assert rehearsed.compares("table:a", then, live)


def test_only_what_passed_in_the_rehearsal_of_this_plan_is_proved() -> None:
    """A GO may hold a criterion that was waived, and a plan may have changed since."""
    empty = Catalog(170000)
    rehearsed = Rehearsed(
        "2026-01-15", "GO", "17.1", "postgres", empty, empty, plan_sha256="abc", passed=frozenset({"at-utc"})
    )
    same, other = (Plan.model_construct(plan_sha256=digest) for digest in ("abc", "def"))

    assert rehearsed.proves("at-utc", same) == "2026-01-15"
    with pytest.raises(NotChecked, match=r"did not pass in the rehearsal of 2026-01-15"):
        rehearsed.proves("waived", same)
    with pytest.raises(NotChecked, match=r"not the one that was rehearsed on 2026-01-15"):
        rehearsed.proves("at-utc", other)
