"""A role sees the rows that it should, and no others."""

from __future__ import annotations

import pytest

from pytest_cutover.errors import NotChecked
from tests.criteria.conftest import problem

BASE = """
CREATE TABLE notes (id int PRIMARY KEY, tenant int NOT NULL, secret text);
INSERT INTO notes VALUES (1, 7, 'a'), (2, 8, 'b'), (3, 7, 'c'), (4, 9, 'd');
CREATE TABLE members (tenant int NOT NULL, person text NOT NULL);
INSERT INTO members VALUES (7, 'ada'), (8, 'bea');
CREATE TABLE bare (id int);
GRANT SELECT ON notes, members, bare TO seer, owner_seer, by_seer;
GRANT SELECT (id) ON notes TO part_seer;
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
ALTER TABLE bare ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON notes FOR SELECT USING (tenant = nullif(current_setting('app.tenant', true), '')::int);
"""
ROLES = ("seer", "owner_seer", "no_seer", "part_seer", "by_seer")
TENANT = {"app.tenant": 7}


@pytest.fixture(autouse=True, scope="module")
def _roles(server):
    """Roles that live as long as these tests: the databases with their grants are dropped before they are."""
    with server.maintenance.connect() as connection:
        for role in ROLES:
            connection.execute(f"CREATE ROLE {role}")
        connection.execute("ALTER ROLE by_seer BYPASSRLS")
        yield
        for role in ROLES:
            connection.execute(f"DROP ROLE {role}")


def test_a_tenant_that_sees_its_own_rows_holds(migrated):
    """The number and the rows themselves; asking twice gives the same answer."""
    pair = migrated(BASE)

    for _ in range(2):
        finding = pair.check("visible", table="notes", role="seer", settings=TENANT, rows=2, where="tenant = 7")
        assert finding.holds, finding
        assert finding.message == "seer sees 2 of 4 rows of notes"
        assert finding.held_before
    assert pair.check("visible", table="notes", role="seer", rows=0).holds
    assert pair.check("visible", table="notes", role="seer", settings={"app.tenant": 99}, rows=0).holds


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("DROP POLICY own ON notes; CREATE POLICY own ON notes FOR SELECT USING (true)",
         "seer sees 4 of 4 rows of notes: 2 that it should not see; expected are 2 rows"),
        ("DROP POLICY own ON notes", "seer sees 0 of 4 rows of notes, since no policy is meant for it: 2 that it should see "
                                     "are hidden; expected are 2 rows"),
        ("ALTER POLICY own ON notes TO owner_seer", "seer sees 0 of 4 rows of notes, since no policy is meant for it: 2 that "
                                                    "it should see are hidden; expected are 2 rows"),
        ("ALTER TABLE notes DISABLE ROW LEVEL SECURITY",
         "row-level security of notes is off: seer sees every row, whatever its policies say"),
        ("REVOKE SELECT ON notes FROM seer",
         "seer may not read notes: it has no SELECT privilege on it, and being refused is not seeing 0 rows"),
        ("ALTER POLICY own ON notes USING (tenant = 8 OR id = 1)",
         "seer sees 2 of 4 rows of notes: 1 that it should not see; 1 that it should see are hidden"),
        ("DELETE FROM notes", "notes has no rows, and had 4 before"),
        ("DROP TABLE notes", "there is no table notes, though there was one before"),
        ("CREATE POLICY leak ON notes USING (current_setting('app.tenant')::date > now())",
         "cannot be asked: invalid input syntax for type date: … (SQLSTATE 22007)"),
    ],
)  # fmt: skip
def test_what_is_seen_otherwise_fails(migrated, change, message):
    """Too much, too little, or nothing that could be told."""
    finding = migrated(BASE, change).check(
        "visible", table="notes", role="seer", settings=TENANT, rows=2, where="tenant = 7"
    )

    assert not finding.holds
    assert finding.message == message


def test_the_rows_that_leak_are_named(migrated):
    """By their keys, without a value."""
    pair = migrated(BASE, "ALTER POLICY own ON notes USING (true)")

    finding = pair.check("visible", table="notes", role="seer", settings=TENANT, where="tenant = 7")

    assert finding.evidence[0].title == "Rows of notes that seer should not see"
    assert finding.evidence[0].rows == (("2",), ("4",))


@pytest.mark.parametrize(
    ("change", "role", "message"),
    [
        ("", "by_seer", "by_seer has BYPASSRLS: it sees every row of notes whatever the policies say"),
        ("ALTER TABLE notes OWNER TO owner_seer", "owner_seer",
         "owner_seer owns the table (as owner_seer), and row-level security is not forced: it sees every row"),
        ("ALTER TABLE notes OWNER TO owner_seer; GRANT owner_seer TO seer", "seer",
         "seer owns the table (as owner_seer), and row-level security is not forced: it sees every row"),
        ("", "postgres", "postgres is a superuser and sees every row of every table, so this proves nothing"),
        ("", "nobody_seer", "there is no role nobody_seer"),
    ],
)  # fmt: skip
def test_a_role_that_no_policy_binds_proves_nothing(migrated, change, role, message):
    """Whatever it sees."""
    pair = migrated(BASE, change)
    try:
        finding = pair.check("visible", table="notes", role=role, rows=4)
    finally:
        with pair.after.target.connect() as connection:
            connection.execute("REVOKE owner_seer FROM seer") if "GRANT owner_seer" in change else None

    assert not finding.holds
    assert finding.message.startswith(message)


def test_forced_security_binds_the_owner(migrated):
    """So it may be asked what the owner sees."""
    pair = migrated(BASE, "ALTER TABLE notes OWNER TO owner_seer; ALTER TABLE notes FORCE ROW LEVEL SECURITY")

    assert pair.check("visible", table="notes", role="owner_seer", settings=TENANT, where="tenant = 7").holds


def test_a_role_may_be_exempt_on_purpose(migrated):
    """Then it must be, and see every row."""
    pair = migrated(BASE)

    finding = pair.check("visible", table="notes", role="by_seer", bypass=True)
    assert finding.holds
    assert finding.message == "by_seer sees 4 of 4 rows of notes, since it has BYPASSRLS"
    finding = pair.check("visible", table="notes", role="seer", bypass=True)
    assert finding.message == "seer is not exempt from the policies of notes: it has no BYPASSRLS"
    assert not finding.holds


def test_seeing_all_is_not_seeing_at_least_some(migrated):
    """A lower end alone would pass on a leak."""
    pair = migrated(BASE, "ALTER POLICY own ON notes USING (true)")

    finding = pair.check("visible", table="notes", role="seer", rows=">=2")

    assert not finding.holds
    assert "cannot tell that from a leak" in finding.message
    assert pair.check("visible", table="notes", role="seer", rows=4).message == (
        "seer sees 4 of 4 rows of notes, none is hidden"
    )


def test_nothing_is_proved_where_there_is_nothing_to_hide(migrated):
    """An empty table, a condition that no row or every row meets."""
    pair = migrated(BASE)

    with pytest.raises(NotChecked, match="bare has no rows"):
        pair.check("visible", table="bare", role="seer", rows=0)
    with pytest.raises(NotChecked, match="no row of notes meets the condition"):
        pair.check("visible", table="notes", role="seer", where="tenant = 70")
    with pytest.raises(NotChecked, match="there is none that it should not see"):
        pair.check("visible", table="notes", role="seer", where="tenant > 1")


def test_a_condition_that_is_another_one_in_the_eyes_of_the_role_fails(migrated):
    """The role sees no members, so that for it every row meets the condition: as many as do, but others."""
    pair = migrated(
        BASE,
        "ALTER TABLE members ENABLE ROW LEVEL SECURITY; ALTER POLICY own ON notes USING (id IN (1))",
    )

    finding = pair.check(
        "visible",
        table="notes",
        role="seer",
        where="NOT EXISTS (SELECT FROM members WHERE members.tenant = notes.tenant)",
    )

    assert not finding.holds
    assert finding.message == "seer sees 1 of 4 rows of notes: as many as meet the condition, but others"


def test_columns_that_may_not_be_read_are_a_refusal(migrated):
    """A privilege on some columns is enough to count, and not for a condition on others."""
    pair = migrated(BASE)

    assert pair.check("visible", table="notes", role="part_seer", settings=TENANT, rows=2).holds
    assert pair.check("visible", table="notes", role="part_seer", settings=TENANT, where="id IN (1, 3)").holds
    finding = pair.check("visible", table="notes", role="part_seer", settings=TENANT, where="tenant = 7")
    assert finding.message == "part_seer is refused, which is not 0 rows: permission denied for table notes"


def test_a_schema_that_may_not_be_used_is_a_refusal(migrated):
    """The privilege on the table alone opens nothing."""
    pair = migrated(
        BASE,
        "CREATE SCHEMA own; CREATE TABLE own.t AS SELECT 1 AS id; GRANT SELECT ON own.t TO seer;"
        "ALTER TABLE own.t ENABLE ROW LEVEL SECURITY",
    )

    assert "may not use its schema" in pair.check("visible", table="own.t", role="seer", rows=0).message


def test_a_policy_that_never_ends_is_cut_off(migrated, monkeypatch):
    """It could not be decided, and the run goes on."""
    pair = migrated(
        BASE,
        "CREATE FUNCTION wait() RETURNS boolean LANGUAGE sql VOLATILE AS 'SELECT true FROM pg_sleep(600)';"
        "CREATE POLICY slow ON notes AS RESTRICTIVE USING (wait())",
    )
    monkeypatch.setattr("pytest_cutover.criteria.acting.LIMIT_S", 1)

    with pytest.raises(NotChecked, match="statement timeout"):
        pair.check("visible", table="notes", role="seer", settings=TENANT, rows=2)


def test_a_view_of_its_owner_leaks(migrated):
    """Unless security_invoker is set, its policies are the owner's."""
    open_view = "CREATE VIEW mine AS SELECT * FROM notes; GRANT SELECT ON mine TO seer"
    pair = migrated(BASE, open_view)

    finding = pair.check("visible", table="mine", role="seer", settings=TENANT, where="tenant = 7")

    assert finding.message == "seer sees 4 of 4 rows of mine: 2 that it should not see"


def test_a_table_becomes_json():
    """As the claims of a token."""
    from tests.criteria.conftest import read

    made = read("visible", table="t", role="r", rows=1, settings={"request.jwt.claims": {"sub": "x", "role": "r"}})

    assert made.settings == {"request.jwt.claims": '{"sub": "x", "role": "r"}'}


def test_what_proves_nothing_is_a_mistake():
    """Told when the plan is read."""
    assert "give `rows`, or `where`" in problem("visible", table="t", role="r")
    assert "leave `where` out" in problem("visible", table="t", role="r", where="a = 1", bypass=True)
    assert "those have a dot" in problem("visible", table="t", role="r", rows=1, settings={"role": "postgres"})
    assert "write a text, a number" in problem("visible", table="t", role="r", rows=1, settings={"a.b": [1]})
