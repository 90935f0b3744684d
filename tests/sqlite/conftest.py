"""A SQLite database before and after some SQL, to ask criteria of."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pytest_cutover.criteria import KINDS
from pytest_cutover.finding import Finding
from pytest_cutover.sandbox.sqlite import SqliteFolder
from pytest_cutover.sqlite.connection import SqliteTarget
from pytest_cutover.sqlite.database import SqliteDatabase


class Pair:
    """The databases before and after a migration; `check` asks a criterion of them."""

    def __init__(self, before: SqliteDatabase, after: SqliteDatabase, folder: Path) -> None:
        self.before = before
        self.after = after
        self.folder = folder

    def check(self, kind: str, **keys: Any) -> Finding:
        """What the kind finds with these keys."""
        found: Finding = read(kind, self.folder, **keys).check(self.before, self.after)
        return found


def read(kind: str, folder: Path | None = None, **keys: Any) -> Any:
    """The criterion with these keys, read as from a plan for SQLite."""
    context = {"folder": folder, "root": folder, "engine": "sqlite"}
    return KINDS[kind].model_validate({"id": "c", "kind": kind, **keys}, context=context)


def problem(kind: str, folder: Path | None = None, **keys: Any) -> str:
    """What is wrong with the keys, as the plan's reader is told."""
    with pytest.raises(ValidationError) as caught:
        read(kind, folder, **keys)
    return "\n".join(str(error["msg"]) for error in caught.value.errors())


def execute(path: Path, sql: str) -> Path:
    """The database file with the SQL run on it."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(sql)
    return path


@pytest.fixture
def folder() -> Iterator[SqliteFolder]:
    """A folder for disposable databases."""
    made = SqliteFolder()
    yield made
    made.close()


@pytest.fixture
def migrated(folder: SqliteFolder, tmp_path: Path) -> Iterator[Callable[..., Pair]]:
    """A function that runs `before`, copies the database, runs `migration` in the copy, and gives both."""
    numbers = itertools.count(1)
    pairs: list[Pair] = []

    def make(before: str, migration: str = "") -> Pair:
        source = folder.place(f"before_{next(numbers)}", "data.db")
        execute(source.path, before)
        target = folder.create(f"after_{next(numbers)}", source)
        execute(target.path, migration)

        def scratch() -> SqliteTarget:
            return folder.create(f"scratch_{next(numbers)}", target)

        pairs.append(Pair(SqliteDatabase(source, "before"), SqliteDatabase(target, "after", scratch), tmp_path))
        return pairs[-1]

    yield make
    for pair in pairs:
        pair.before.close()
        pair.after.close()
