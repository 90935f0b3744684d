"""Whether a file is the backup that the plan means, and the restored database the one that it expects."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pytest_cutover.backup.inspect import BackupFacts
from pytest_cutover.backup.metadata import Metadata, check_metadata, read_metadata
from pytest_cutover.errors import BackupError
from pytest_cutover.plan.model import Expect


def check_file(facts: BackupFacts, sha256: str | None) -> Metadata | None:
    """What is written beside the backup, None where nothing is; `sha256` is the plan's.

    Raises:
        BackupError: the file is not the one that the plan or the metadata names.
    """
    metadata = read_metadata(facts.path)
    if metadata is not None:
        check_metadata(metadata, facts.path, facts.sha256)
    if sha256 is not None and facts.sha256 != sha256:
        raise BackupError(
            f"The backup {facts.path} is not the one that the plan names.\n"
            f"    sha256 in the plan: {sha256}\n    sha256 of the file: {facts.sha256}"
        )
    return metadata


def check_expectations(expect: Expect, counts: dict[str, int], count: Callable[[str], int], path: Path) -> None:
    """Raises BackupError where the restored database is not the one that the plan was written for.

    `counts` are the rows of each table by itself, `count` gives those of a table with its partitions.
    """
    wrong = []
    if expect.tables is not None and len(counts) not in expect.tables:
        wrong.append(f"tables: expected {expect.tables}, found {len(counts)}")
    for table, allowed in expect.rows.items():
        rows = count(table)
        if rows not in allowed:
            wrong.append(f"rows of {table}: expected {allowed}, found {rows:,}")
    if not counts:
        wrong.append("it has no table at all")
    elif not any(counts.values()) and not any(0 in allowed for allowed in expect.rows.values()):
        wrong.append(
            f"it has {len(counts)} tables and not one row: was it taken with --schema-only? If this is meant, say so: "
            f"expect = {{ rows = {{ {next(iter(counts))} = 0 }} }}"
        )
    if wrong:
        raise BackupError(
            f"The backup {path} restored, but is not the database that the plan expects:\n    "
            + "\n    ".join(wrong)
            + "\nGive the right backup, or correct backup.expect in the plan."
        )
