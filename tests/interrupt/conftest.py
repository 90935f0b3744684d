"""Small plans to be cut off, on servers that are started once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from pytest_cutover.copies import Restores
from pytest_cutover.criteria import KINDS
from pytest_cutover.criteria.interrupted import CutOff
from pytest_cutover.finding import Finding
from pytest_cutover.interrupt.model import Interrupted, Way
from pytest_cutover.interrupt.postgresql import StatementCuts
from pytest_cutover.plan.load import load_plans
from pytest_cutover.rehearsal import Rehearsal
from pytest_cutover.sandbox import Sandboxes

BACKUP = """\
--
-- PostgreSQL database dump
--
-- Dumped from database version 15.0

CREATE TABLE public.fees (id integer PRIMARY KEY, cents integer NOT NULL);
INSERT INTO public.fees VALUES (1, 100), (2, 250);
CREATE TABLE public.people (id bigserial PRIMARY KEY, name text NOT NULL);
INSERT INTO public.people (name) VALUES ('first'), ('second');

--
-- PostgreSQL database dump complete
--
"""
SQLITE = """\
BEGIN TRANSACTION;
CREATE TABLE fees (id INTEGER PRIMARY KEY, cents INTEGER);
INSERT INTO fees VALUES (1, 100);
COMMIT;
"""
PLAN = """\
title = "A plan to be cut off"
engine = "{engine}"
[backup]
path = "backup.sql"
[migrate]
steps = [{step}]
{rollback}
[[criteria]]
id = "any"
kind = "row_count"
table = "fees"
min = 1
{more}
"""
ROLLBACK = '[[rollback]]\nname = "back"\nsteps = [{ sql = "rollback.sql" }]\n'

Interrupt = Callable[..., Interrupted]


@pytest.fixture(scope="session")
def restores() -> Iterator[Restores]:
    """The restored backups of these tests."""
    sandboxes = Sandboxes()
    try:
        yield Restores(sandboxes)
    finally:
        sandboxes.close()


@pytest.fixture
def interrupt(restores: Restores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Interrupt]:
    """A function that rehearses a migration, cuts it off at every statement, and returns what became of it.

    Where the way makes no difference, one of them is tried.
    """
    made: list[Rehearsal] = []

    def run(
        migration: str,
        rollback: str = "",
        more: str = "",
        step: str = '{ sql = "01.sql" }',
        engine: str = "postgresql",
        ways: Sequence[Way] = ("connection",),
        backup: str = BACKUP,
        second: str = "SELECT 2;",
    ) -> Interrupted:
        monkeypatch.setattr(StatementCuts, "ways", tuple(ways))
        files = {"01.sql": migration, "02.sql": second, "rollback.sql": rollback, "migrate.py": migration}
        files["backup.sql"] = backup
        if engine == "sqlite":
            files["backup.sql"] = SQLITE
        for name, text in files.items():
            (tmp_path / name).write_text(text)
        text = PLAN.format(engine=engine, step=step, rollback=ROLLBACK if rollback else "", more=more)
        (tmp_path / "plan.toml").write_text(text)
        made.append(Rehearsal(load_plans([tmp_path], tmp_path, KINDS)[0], restores))
        return made[-1].interrupted()

    yield run
    for each in made:
        each.close()


def judge(interrupted: Interrupted) -> Finding:
    """What the criterion finds."""
    return CutOff(id="interrupted", kind="interrupted").check(interrupted)
