"""What the tables hold: exact counts, fingerprints by key and column, and which rows differ."""

from __future__ import annotations

from pytest_cutover.content.compare import compare_rows
from pytest_cutover.content.differences import RowDifferences
from pytest_cutover.content.differing import differing_tables
from pytest_cutover.content.fingerprint import TableContent, table_contents
from pytest_cutover.content.layout import uncompared

__all__ = ["RowDifferences", "TableContent", "compare_rows", "differing_tables", "table_contents", "uncompared"]
