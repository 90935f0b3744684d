"""What a plan and its migration are known by: hashes of all that they consist of."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from pytest_cutover.plan.model import PLAN_FILE, Criterion, PlanFile, Step


def plan_hash(folder: Path, content: bytes, criteria: Sequence[Criterion]) -> str:
    """SHA-256 over the plan file and the content of every file and folder that its criteria name."""
    digest = hashlib.sha256(content)
    for criterion in criteria:
        for name in (getattr(criterion, "file", None), getattr(criterion, "files", None)):
            named = folder / name if isinstance(name, str) else None
            for path in [] if named is None else [named, *sorted(named.rglob("*"))]:
                if path.is_file():
                    digest.update(path.read_bytes())
    return digest.hexdigest()


def migration_hash(folder: Path, file: PlanFile) -> str:
    """SHA-256 over the migrate section and the content of every file that its steps name or could use."""
    digest = hashlib.sha256(file.migrate.model_dump_json().encode())
    for step in file.migrate.steps:
        for path in _step_files(folder, step):
            content = path.read_bytes()
            digest.update(f"\0{path.name}\0{len(content)}\0".encode())
            digest.update(content)
    return digest.hexdigest()


def _step_files(folder: Path, step: Step) -> list[Path]:
    if step.sql is not None:
        return [folder / step.sql]
    if step.flyway is not None:
        return sorted(path for path in (folder / step.flyway).rglob("*") if path.is_file())
    # A program reads what it likes: any file of the plan's folder may be part of the migration, but not what it logs.
    return sorted(
        path for path in folder.rglob("*")
        if path.is_file() and path.name != PLAN_FILE and path.suffix != ".log" and "__pycache__" not in path.parts
    )  # fmt: skip
