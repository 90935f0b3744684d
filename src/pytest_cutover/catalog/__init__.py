"""What a database's catalog says, read in one snapshot, and how two of them differ."""

from __future__ import annotations

from pytest_cutover.catalog.acl import Acl, Grant
from pytest_cutover.catalog.differences import CatalogDiff, Difference, diff
from pytest_cutover.catalog.model import Catalog
from pytest_cutover.catalog.objects import (
    CatalogObject,
    Column,
    Constraint,
    DomainConstraint,
    Extension,
    Function,
    Index,
    Other,
    Policy,
    Rule,
    Schema,
    Sequence,
    Table,
    Trigger,
    Type,
    View,
)
from pytest_cutover.catalog.reading import read_catalog

__all__ = [
    "Acl", "Catalog", "CatalogDiff", "CatalogObject", "Column", "Constraint", "Difference", "DomainConstraint",
    "Extension", "Function", "Grant", "Index", "Other", "Policy", "Rule", "Schema", "Sequence", "Table", "Trigger",
    "Type", "View", "diff", "read_catalog",
]  # fmt: skip
