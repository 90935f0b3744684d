"""What compares two spellings of a definition, for the engine that a plan or a database is of."""

from __future__ import annotations

from typing import Any, Protocol

from pydantic import ValidationInfo

from pytest_cutover.criteria import definitions
from pytest_cutover.database import Database
from pytest_cutover.sqlite import spelling


class Spelling(Protocol):
    """Definitions as comparable values. Every function raises ValueError where the text defines none."""

    def parse_type(self, text: str) -> Any:
        """The type."""

    def same_type(self, left: str, right: str) -> bool:
        """True where both texts name the same type."""

    def parse_expression(self, text: str) -> Any:
        """The expression."""

    def parse_constraint(self, definition: str) -> dict[str, Any]:
        """The constraint."""

    def parse_index(self, definition: str) -> tuple[str, Any]:
        """The index's name, empty where the text has none, and the index."""


def spelling_of(asked: ValidationInfo | Database) -> Spelling:
    """The engine's, of a plan that is being read or of a database."""
    name = asked.dialect if isinstance(asked, Database) else (asked.context or {}).get("engine")
    return spelling if name == "sqlite" else definitions
