"""What a live database was before its migration: schema and row counts in a file, no row's value."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NoReturn

from pytest_cutover.catalog import Catalog
from pytest_cutover.content import RowDifferences, TableContent
from pytest_cutover.database import Database, Fetched, Rows, Trial
from pytest_cutover.errors import CutoverError, NoBaseline
from pytest_cutover.language import Language
from pytest_cutover.names import quote_relation

FORMAT = 1


@dataclass(frozen=True)
class Baseline:
    """A live database before its migration. A table that could not be counted is in `uncounted`, with the reason.

    `identity` tells the database from others of the same name; empty where the server does not tell.
    """

    plan: str
    target: str
    taken: str
    migration_sha256: str
    server_version: str
    rows: Mapping[str, int]
    uncounted: Mapping[str, str]
    catalog: Catalog
    identity: str = ""

    def to_json(self) -> dict[str, Any]:
        """The baseline as plain data."""
        return {
            "format": FORMAT, "plan": self.plan, "target": self.target, "taken": self.taken,
            "migration": self.migration_sha256, "server_version": self.server_version, "rows": dict(self.rows),
            "uncounted": dict(self.uncounted), "identity": self.identity, "catalog": self.catalog.to_json(),
        }  # fmt: skip


def baseline_path(folder: Path, plan: str, target: str) -> Path:
    """Where the baseline of a plan's target lies."""
    return folder / f"{plan}.{target}.json"


def save_baseline(baseline: Baseline, path: Path) -> None:
    """Writes the file in one step; one that is there is kept beside it as `….previous`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    text = json.dumps(baseline.to_json(), indent=1, sort_keys=True, ensure_ascii=False)
    aside.write_text(text + "\n", encoding="utf-8")
    if path.exists():
        os.replace(path, path.with_name(path.name + ".previous"))
    os.replace(aside, path)


def load_baseline(path: Path) -> Baseline | None:
    """The baseline in the file, None where there is none.

    Raises:
        CutoverError: the file cannot be read, or is of another format.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise CutoverError(f"{path}: has format {content['format']!r}; this version reads {FORMAT}")
        return Baseline(
            content["plan"], content["target"], content["taken"], content["migration"], content["server_version"],
            {str(name): int(number) for name, number in content["rows"].items()}, dict(content["uncounted"]),
            Catalog.from_json(content["catalog"]), str(content.get("identity", "")),
        )  # fmt: skip
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CutoverError(f"{path}: is no baseline: {type(error).__name__}: {error}") from error


class SavedDatabase(Database):
    """A database of which only a baseline is left, or nothing: whatever needs its rows raises NoBaseline."""

    def __init__(
        self, dialect: str, language: Language, baseline: Baseline | None, path: Path,
        rehearsed: Callable[[str], str] | None = None, unfit: str = "",
    ) -> None:  # fmt: skip
        super().__init__("before")
        self.dialect: Literal["postgresql", "sqlite"] = "sqlite" if dialect == "sqlite" else "postgresql"  # type: ignore[misc]
        self.language = language  # type: ignore[misc]
        self.baseline = baseline
        self.known = baseline is not None
        self._path = path
        self._rehearsed = rehearsed
        self._unfit = unfit

    def proved_in_rehearsal(self, criterion: str) -> str:
        if self._rehearsed is None:
            return super().proved_in_rehearsal(criterion)
        return self._rehearsed(criterion)

    def require(self, what: str) -> None:
        if self._unfit:
            raise NoBaseline(
                f"{what} needs a baseline, and {self._path.name} is one of {self._unfit}: put it aside, or name the database "
                "that it was taken of"
            )
        if self.baseline is None:
            raise NoBaseline(
                f"{what} needs a baseline, and there is no {self._path.name} in {self._path.parent.name}/: "
                "run with --phase=before ahead of the migration"
            )

    def for_rows(self) -> SavedDatabase:
        if not self.known:
            return self
        return SavedDatabase(self.dialect, self.language, None, self._path, self._rehearsed, self._unfit)

    def count(self, table: str) -> int:
        self.require(f"comparing the rows of {table}")
        assert self.baseline is not None
        if table in self.baseline.rows:
            return self.baseline.rows[table]
        if table in self.baseline.uncounted:
            raise NoBaseline(f"the baseline has no row count of {table}: {self.baseline.uncounted[table]}")
        raise NoBaseline(f"the baseline has no row count of {table}")

    def count_own(self, table: str) -> int:
        return self.count(table)

    def query(self, sql: str, parameters: Sequence[Any] | None = None) -> Rows:
        self._refuse()

    def fetch(self, sql: str, keep: int) -> Fetched:
        self._refuse()

    def drain(self, sql: str) -> None:
        self._refuse()

    def frame(self, sql: str) -> NoReturn:
        self._refuse()

    def time_limit(self, seconds: float) -> AbstractContextManager[None]:
        return nullcontext()

    def relation(self, table: str) -> str:
        return quote_relation(table)

    def places(self, table: str) -> tuple[str, ...]:
        return ()

    def as_text(self, expression: str) -> str:
        return expression

    def differences_to(self, after: Any, may_change: Mapping[str, Collection[str]]) -> list[RowDifferences]:
        self._refuse()

    def trial(self, role: str | None = None, timeout_s: int = 60) -> AbstractContextManager[Trial]:
        self._refuse()

    def close(self) -> None:
        """Nothing is open."""

    def _refuse(self) -> NoReturn:
        raise NoBaseline(
            "the rows of before are not there to be asked: a baseline holds the schema and row counts alone"
        )

    def _read_catalog(self) -> Catalog:
        return self.baseline.catalog if self.baseline is not None else Catalog(0)

    @cached_property
    def contents(self) -> dict[str, TableContent]:
        self._refuse()

    def _read_contents(self) -> dict[str, TableContent]:
        self._refuse()

    def _make_engine(self) -> NoReturn:
        self._refuse()
