"""What reads the SQL of one engine, whichever it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from pydantic import ValidationInfo

from pytest_cutover import sql as postgresql_language
from pytest_cutover.expected import ExpectedQuery
from pytest_cutover.sql import Statement
from pytest_cutover.sqlite import language as sqlite_language

T = TypeVar("T")


class Language(Protocol):
    """The SQL of an engine. Every function raises ValueError with what is wrong and the way out."""

    def parse_select(self, text: str) -> str:
        """The one SELECT that the text holds, without its semicolon."""

    def parse_predicate(self, text: str) -> str:
        """The one expression that the text holds; put in parentheses on lines of its own it stays one."""

    def parse_statements(self, text: str) -> list[Statement]:
        """The statements of the text in their order, as they may run inside one transaction that is undone."""

    def split_queries(self, text: str, file: str, read: Callable[[str], T]) -> list[tuple[ExpectedQuery, T]]:
        """The queries of a checks file, each with what `read` makes of its `-- expect:` comment."""

    def tables_read(self, text: str) -> list[str]:
        """The tables and views that a query names, in their order."""

    def names_in(self, predicate: str) -> set[str]:
        """The last part of every name in an expression."""


def language_of(info: ValidationInfo) -> Language:
    """The language of the plan that is being read: PostgreSQL's where none is said."""
    return sqlite_language if (info.context or {}).get("engine") == "sqlite" else postgresql_language
