"""A database before and after some SQL, to ask criteria of."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pytest_cutover.criteria import KINDS
from pytest_cutover.database import Database
from pytest_cutover.finding import Finding
from pytest_cutover.postgresql import PostgresDatabase
from pytest_cutover.sandbox import Server
from pytest_cutover.target import Target

_numbers = itertools.count(1)


class Pair:
    """The databases before and after a migration; `check` asks a criterion of them."""

    def __init__(self, before: Database, after: Database, folder: Path) -> None:
        self.before = before
        self.after = after
        self.folder = folder

    def check(self, kind: str, **keys: Any) -> Finding:
        """What the kind finds with these keys."""
        criterion = read(kind, self.folder, **keys)
        found: Finding = criterion.check(self.before, self.after)
        return found


def read(kind: str, folder: Path | None = None, **keys: Any) -> Any:
    """The criterion with these keys, read as from a plan."""
    context = {"folder": folder, "root": folder} if folder is not None else None
    return KINDS[kind].model_validate({"id": "c", "kind": kind, **keys}, context=context)


def problem(kind: str, folder: Path | None = None, **keys: Any) -> str:
    """What is wrong with the keys, as the plan's reader is told."""
    with pytest.raises(ValidationError) as caught:
        read(kind, folder, **keys)
    return "\n".join(str(error["msg"]) for error in caught.value.errors())


@pytest.fixture(scope="module")
def migrated(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Pair]]:
    """A function that runs `before`, copies the database, runs `migration` in the copy, and gives both.

    The same texts give the same pair: a check writes to neither. Without a migration both are one database. A migration
    is one simple query; what cannot run in one is split by `;;`.
    """
    folder = tmp_path_factory.mktemp("plan")
    sources: dict[str, Target] = {}
    pairs: dict[tuple[str, str], Pair] = {}
    made: list[str] = []

    def create(template: Target | None = None) -> Target:
        made.append(f"criteria_{next(_numbers)}")
        return server.create(made[-1], template=template)

    def make(before: str, migration: str = "") -> Pair:
        if (before, migration) in pairs:
            return pairs[before, migration]
        if before not in sources:
            sources[before] = create()
            _run(sources[before], before)
        source = sources[before]
        for pair in pairs.values():
            # The server copies a database only while nobody is connected to it.
            pair.before.close()
            pair.after.close()
        target = create(source) if migration else source
        _run(target, migration)

        def scratch() -> Target:
            pairs[before, migration].before.close()
            pairs[before, migration].after.close()
            return create(target)

        pairs[before, migration] = Pair(
            PostgresDatabase(source, "before"), PostgresDatabase(target, "after", scratch=scratch), folder
        )
        return pairs[before, migration]

    yield make
    for pair in pairs.values():
        pair.before.close()
        pair.after.close()
    for name in reversed(made):
        server.drop(name)


def _run(target: Target, sql: str) -> None:
    with target.connect() as connection:
        for statement in filter(str.strip, sql.split(";;")):
            connection.execute(statement.encode())
