"""`rls-filtered-dml` is found by the role that executed each statement, wherever it ran."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_cutover.hazards import HAZARDS, Found, Scene, find
from pytest_cutover.sandbox import Server
from tests.tracing import migrated

ROLE = "app_filtered"
NOTES = """
CREATE TABLE notes (id int PRIMARY KEY, tenant int, done boolean, at timestamptz);
INSERT INTO notes SELECT g, g % 2, false, now() FROM generate_series(1, 10) AS g;
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON notes USING (tenant = 1);
CREATE TABLE copies (id int);
"""
FUNCTION = "CREATE FUNCTION fill() RETURNS void LANGUAGE plpgsql {} SET search_path FROM CURRENT AS $$ BEGIN UPDATE notes SET done = true; END $$;"
FILTERED = {
    "sent": ("", "UPDATE notes SET done = true;"),
    "in_a_block": ("", "DO $$ BEGIN EXECUTE 'UPDATE ' || 'notes SET done = true'; END $$;"),
    "in_a_function": (FUNCTION.format(""), "SELECT fill();"),
    "in_a_trigger": (
        "CREATE FUNCTION on_copy() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS"
        " $$ BEGIN DELETE FROM notes WHERE id = NEW.id; RETURN NULL; END $$;\n"
        "CREATE TRIGGER t AFTER INSERT ON copies FOR EACH ROW EXECUTE FUNCTION on_copy();",
        "INSERT INTO copies VALUES (1);",
    ),
    "read_by_an_insert": ("", "INSERT INTO copies SELECT id FROM notes;"),
    "inside_of_a_with": (
        "",
        "WITH gone AS (DELETE FROM notes WHERE id < 3 RETURNING id) SELECT count(*) FROM gone;",
    ),
    "with_a_constant_of_a_type": ("", "UPDATE notes SET at = at + interval '1 day' WHERE id < 3;"),
    "as_another_role": ("", f"RESET ROLE;\nUPDATE notes SET done = true;\nSET ROLE {ROLE}_exempt;"),
}
SEEN = {
    "by_a_definer": (FUNCTION.format("SECURITY DEFINER"), "SELECT fill();"),
    "by_an_exempt_role": ("", f"SET ROLE {ROLE}_exempt;\nUPDATE notes SET done = true;\nRESET ROLE;"),
    "only_written": ("", "INSERT INTO notes VALUES (11, 1, true);"),
    "only_read": ("", "SELECT count(*) FROM notes;"),
    "by_a_foreign_key": (
        f"CREATE TABLE legs (id int PRIMARY KEY);\nINSERT INTO legs VALUES (1), (2);\nGRANT ALL ON legs TO {ROLE};\n"
        "ALTER TABLE notes ADD FOREIGN KEY (tenant) REFERENCES legs ON DELETE CASCADE NOT VALID;\n"
        f"ALTER TABLE notes OWNER TO {ROLE};\nALTER TABLE notes FORCE ROW LEVEL SECURITY;",
        "DELETE FROM legs WHERE id = 1;",
    ),
}


@pytest.fixture(scope="module")
def found(traced_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Found]]:
    """All that is found in one migration of all of them, each in a schema of its own."""
    traced_server.create_roles([ROLE, f"{ROLE}_exempt"])
    before = f"GRANT {ROLE}_exempt TO {ROLE};\nALTER ROLE {ROLE}_exempt BYPASSRLS;\n"
    text = ""
    for name, (more, migration) in (FILTERED | SEEN).items():
        # PostgreSQL 18 counts what is done to tables of one name as one.
        own = f"{name}_notes"
        before += (
            f"CREATE SCHEMA {name};\nGRANT USAGE ON SCHEMA {name} TO PUBLIC;\nSET search_path = {name};\n{NOTES.replace('notes', own)}"
            f"GRANT ALL ON ALL TABLES IN SCHEMA {name} TO PUBLIC;\n{more.replace('notes', own)}\n"
        )
        text += f"SET search_path = {name};\n{migration.replace('notes', own)}\n"
    with migrated(traced_server, tmp_path_factory.mktemp("filtered"), before, text, role=ROLE) as done:
        assert done.run.ok, done.run.failed_step
        assert done.trace.not_counted == ""
        yield find(HAZARDS["rls-filtered-dml"], Scene(done.before, done.after, done.recording, ROLE))


def test_what_does_not_see_all_rows_is_found(found: list[Found]) -> None:
    """Inside of functions too, and in a session that takes other roles."""
    assert sorted(each.object for each in found) == sorted(f"{name}.{name}_notes" for name in FILTERED)
    assert {each.message.split(" of ")[0] for each in found} == {f"{ROLE} sees 5"}


def test_a_superuser_that_takes_a_filtered_role_is_found_too(traced_server: Server, tmp_path: Path) -> None:
    """A migration without a role of its own is filtered where it takes one."""
    traced_server.create_roles([ROLE])
    before = f"{NOTES} GRANT ALL ON notes TO {ROLE};"
    text = f"UPDATE notes SET done = true WHERE id = 1;\nSET ROLE {ROLE};\nUPDATE notes SET done = true;"
    with migrated(traced_server, tmp_path, before, text) as done:
        found = find(HAZARDS["rls-filtered-dml"], Scene(done.before, done.after, done.recording))

    assert [each.message for each in found] == [f"{ROLE} sees 5 of the 10 rows of notes, and passes over the others"]


def test_each_table_of_a_name_is_found(traced_server: Server, tmp_path: Path) -> None:
    """Also where the server counts what is done to all of them as one."""
    traced_server.create_roles([ROLE])
    before, text = "", f"SET ROLE {ROLE};\n"
    for schema in ("one", "two"):
        before += (
            f"CREATE SCHEMA {schema};\nSET search_path = {schema};\n{NOTES} GRANT USAGE ON SCHEMA {schema} TO {ROLE};\n"
            f"GRANT ALL ON notes TO {ROLE};\nCREATE TABLE legs (id int PRIMARY KEY);\nINSERT INTO legs VALUES (1), (2);\n"
            "CREATE TABLE stops (leg int REFERENCES legs ON DELETE CASCADE);\nINSERT INTO stops VALUES (1);\n"
        )
        text = f"DELETE FROM {schema}.legs;\n{text}UPDATE {schema}.notes SET done = true;\n"
    with migrated(traced_server, tmp_path, before, text) as done:
        assert done.run.ok, done.run.failed_step
        scene = Scene(done.before, done.after, done.recording)

        assert {each.object for each in find(HAZARDS["rls-filtered-dml"], scene)} == {"one.notes", "two.notes"}
        assert {each.object for each in find(HAZARDS["destructive-cascade"], scene)} == {
            "table one.stops", "table two.stops",
        }  # fmt: skip
