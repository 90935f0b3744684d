"""Ready-made preludes: what the dumps of a platform expect to exist, under the platform's name."""

from __future__ import annotations

from collections.abc import Container
from pathlib import Path

_FOLDER = Path(__file__).parent
_ROLES = "roles.sql"


def ready_made() -> list[str]:
    """The names of the ready-made preludes."""
    return sorted(path.parent.name for path in _FOLDER.glob(f"*/{_ROLES}"))


def prelude_path(entry: str, folder: Path) -> Path:
    """What an entry of `backup.prelude` stands for: the folder of a ready-made one, or a file beside the plan."""
    return _FOLDER / entry if entry in ready_made() else folder / entry


def scripts_of(path: Path, present: Container[str] = ()) -> list[Path]:
    """The SQL files of a prelude, in the order in which they run.

    A ready-made one has `roles.sql`, and a file for each schema, under the schema's name; those of the schemas that
    the backup brings itself (`present`) are left out.
    """
    if not path.is_dir():
        return [path]
    schemas = sorted(script for script in path.glob("*.sql") if script.name != _ROLES)
    return [path / _ROLES, *(script for script in schemas if script.stem not in present)]
