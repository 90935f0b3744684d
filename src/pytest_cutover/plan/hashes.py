"""By which a plan and its migration are told from earlier ones: SHA-256 over all that they are made of."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from pytest_cutover.plan.model import PLAN_FILE, Criterion, PlanFile, Step

_CHUNK = 1 << 20
_REPORTS = "reports"


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


def migration_hash(folder: Path, root: Path, file: PlanFile) -> str:
    """SHA-256 over the migrate section and the content of every file that its steps name or could use."""
    digest = hashlib.sha256(file.migrate.model_dump_json().encode())
    for step in file.migrate.steps:
        for path in [*_step_files(folder, step), *_named_elsewhere(folder.resolve(), root.resolve(), step)]:
            digest.update(f"\0{path.name}\0{path.stat().st_size}\0".encode())
            with path.open("rb") as content:
                while chunk := content.read(_CHUNK):
                    digest.update(chunk)
    return digest.hexdigest()


def _step_files(folder: Path, step: Step) -> list[Path]:
    if step.sql is not None:
        return [folder / step.sql]
    if step.flyway is not None:
        return sorted(path for path in (folder / step.flyway).rglob("*") if path.is_file())
    # A program reads what it likes: any file of the plan's folder may be part of the migration.
    return [path for path in _read_by_programs(folder) if path.name != PLAN_FILE]


def _named_elsewhere(folder: Path, root: Path, step: Step) -> list[Path]:
    """The files of the repository, outside of the plan's folder, that a program's arguments or environment name."""
    found: list[Path] = []
    for word in sorted({text.rpartition("=")[2] for text in [*(step.command or ()), *step.env.values()]}):
        try:
            path = (folder / word).resolve()
            outside = path.is_relative_to(root) and not path.is_relative_to(folder) and not folder.is_relative_to(path)
            if outside and not path.is_relative_to(root / _REPORTS):
                found += _read_by_programs(path)
        except (OSError, ValueError):
            continue  # no path at all
    return found


def _read_by_programs(path: Path) -> list[Path]:
    """The file, or the files of the folder, without what programs leave behind."""
    files = [path] if path.is_file() else sorted(each for each in path.rglob("*") if each.is_file())
    return [each for each in files if each.suffix != ".log" and "__pycache__" not in each.parts]
