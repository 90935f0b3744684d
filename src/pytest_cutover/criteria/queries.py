"""Every query of a file returns what the comment above it says."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from pydantic import Field, PrivateAttr, ValidationInfo, model_validator
from typing_extensions import Self

from pytest_cutover.criteria.base import Example
from pytest_cutover.criteria.checking import CHEAP_S, DatabaseKind, ask, earlier, refused, timed_out, told
from pytest_cutover.criteria.expectations import Expectation, parse_expectation, parse_sqlite_expectation
from pytest_cutover.database import Database
from pytest_cutover.errors import QueryError
from pytest_cutover.expected import ExpectedQuery
from pytest_cutover.finding import Evidence, Finding, exactly
from pytest_cutover.language import language_of
from pytest_cutover.plan.model import Text


class Queries(DatabaseKind):
    """Every query of the file returns what its `-- expect:` comment says."""

    KIND: ClassVar[str] = "queries"
    GROUP: ClassVar[str] = "data"
    PROVES: ClassVar[str] = (
        "Each SELECT of the file ran on the migrated database and gave what the comment above it expects: `-- expect: 43`, "
        "`3..5`, `>=3`, `true`, `empty` or `rows 2`. A statement without one, or one that only raises notices, is an error "
        "when the plan is read."
    )
    CANNOT: ClassVar[str] = "As for `query`: `empty` and `0` also come from tables that hold nothing."
    EXAMPLE: ClassVar[Example] = Example(
        criterion='file = "checks.sql"',
        before="CREATE TABLE lots (id int PRIMARY KEY, spaces int);\nINSERT INTO lots VALUES (1, 10), (2, NULL);",
        passing="UPDATE lots SET spaces = 5 WHERE spaces IS NULL;",
        failing="UPDATE lots SET spaces = 0 WHERE spaces IS NULL;",
        message="checks.sql:5 returns 10, expected is 15",
        plan='changes.rows.lots.changed = ["spaces"]',
        files={
            "checks.sql": "-- expect: empty\nSELECT id FROM lots WHERE spaces IS NULL;\n\n"
            "-- expect: 15\nSELECT sum(spaces) FROM lots;\n"
        },
    )

    file: Text = Field(description="an .sql file beside the plan")

    _queries: list[tuple[ExpectedQuery, Expectation]] = PrivateAttr(default_factory=list)

    @model_validator(mode="after")
    def _read(self, info: ValidationInfo) -> Self:
        if not info.context or "folder" not in info.context:
            raise ValueError("the file can only be read with the folder of its plan")
        folder, root = Path(info.context["folder"]), Path(info.context.get("root", info.context["folder"]))
        path = (folder / self.file).resolve()
        if Path(self.file).is_absolute() or not path.is_relative_to(root.resolve()):
            raise ValueError(f'file = "{self.file}": paths are relative to the plan and stay inside the repository')
        try:
            text = path.read_text(encoding="utf-8-sig")
        except FileNotFoundError:
            raise ValueError(f'there is no file "{self.file}"') from None
        except UnicodeDecodeError as error:
            raise ValueError(f"{self.file} is not UTF-8 (byte {error.start})") from error
        except OSError as error:
            raise ValueError(f"{self.file} cannot be read: {error.strerror}") from error
        expected = parse_sqlite_expectation if (info.context or {}).get("engine") == "sqlite" else parse_expectation
        self._queries.extend(language_of(info).split_queries(text, self.file, expected))
        return self

    def find(self, before: Database, after: Database) -> Finding:
        """Finds which queries return something else."""
        wrong: list[tuple[str, str, str]] = []
        took = 0.0
        for query, expectation in self._queries:
            place = f"{self.file}:{query.line}"
            try:
                answer = ask(after, query.text)
                judged = expectation.judge(answer)
                took += answer.seconds
                if not judged.holds:
                    wrong.append((place, str(expectation), judged.actual))
            except QueryError as error:
                refused(error)
                wrong.append((place, str(expectation), f"an error: {told(error)} (SQLSTATE {error.sqlstate})"))
        total = len(self._queries)
        held_before, was = earlier(before, took, self._earlier)
        expected = f"{total} of {total} as expected"
        actual = f"{total - len(wrong)} of {total} as expected"
        if not wrong:
            return Finding(
                True, f"all {total} queries of {self.file} return what they should", before=was, expected=expected,
                actual=actual, held_before=held_before,
            )  # fmt: skip
        place, wanted, found = wrong[0]
        actual += exactly(f": {', '.join(f'{where} {what}' for where, _, what in wrong)}")
        more = f", and {len(wrong) - 1} more of {total}" if len(wrong) > 1 else ""
        return Finding(
            False, f"{place} returns {found}, expected is {wanted}{more}", before=was, expected=expected, actual=actual,
            evidence=(Evidence.of("Queries that return something else", ("query", "expected", "actual"), wrong),),
            held_before=held_before,
        )  # fmt: skip

    def _earlier(self, before: Database) -> tuple[bool | None, str]:
        """How many held before; those that could not run there did not. Stops asking when it takes long."""
        held, seconds = 0, 0.0
        for query, expectation in self._queries:
            if seconds > CHEAP_S:
                return None, "not asked: it takes too long"
            try:
                answer = ask(before, query.text)
                seconds += answer.seconds
                held += expectation.judge(answer).holds
            except QueryError as error:
                if timed_out(error):
                    return None, "not asked: it takes too long"
        total = len(self._queries)
        return held == total, f"{held} of {total} as expected"
