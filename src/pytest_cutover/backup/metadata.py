"""What is recorded beside a backup that `cutover backup` took: a file of the same name with `.json` behind it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from pytest_cutover.errors import BackupError

FORMAT = 1


@dataclass(frozen=True)
class Metadata:
    """What is known of a backup from when it was taken.

    `taken` is the moment of the snapshot it shows, `tables` the exact rows of each table in that snapshot, `source` the
    database without its password, `verified_on` the server version that it was restored on then.
    """

    sha256: str
    bytes: int
    taken: datetime
    source: str
    server_version: str
    tables: dict[str, int]
    verified_on: str


def metadata_path(backup: Path) -> Path:
    """Where the metadata of a backup lies."""
    return backup.with_name(backup.name + ".json")


def write_metadata(backup: Path, metadata: Metadata) -> Path:
    """Writes the metadata beside the backup; returns its path."""
    path = metadata_path(backup)
    content = {"format": FORMAT} | asdict(metadata) | {"taken": metadata.taken.isoformat()}
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def read_metadata(backup: Path) -> Metadata | None:
    """The metadata beside the backup, None where there is none.

    Raises:
        BackupError: there is a file, but it cannot be read.
    """
    path = metadata_path(backup)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise BackupError(f"{path} is not the metadata of a backup: {error}") from error
    try:
        if content.pop("format") != FORMAT:
            raise ValueError("it is of another format")
        return Metadata(**content | {"taken": datetime.fromisoformat(content["taken"])})
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BackupError(
            f"{path} is not metadata that this version reads ({error}).\nTake the backup again, or remove that file."
        ) from error


def check_metadata(metadata: Metadata, backup: Path, sha256: str) -> None:
    """Raises BackupError where the file is not the one that the metadata was written for."""
    if metadata.sha256 != sha256:
        raise BackupError(
            f"The backup {backup} is not the one that {metadata_path(backup).name} beside it describes.\n"
            f"    sha256 there:       {metadata.sha256}\n    sha256 of the file: {sha256}\n"
            "It was changed, cut or replaced. Copy both anew, or remove the metadata if the file is meant."
        )


def check_rows(metadata: Metadata | None, backup: Path, found: dict[str, int]) -> None:
    """Raises BackupError where the restored tables do not hold the rows that were there when it was taken."""
    if metadata is None:
        return
    wrong = [
        f"{name}: {'missing' if name not in found else f'{found[name]:,} rows'}, and {rows:,} rows when it was taken"
        for name, rows in metadata.tables.items()
        if found.get(name) != rows
    ]
    if wrong:
        raise BackupError(
            f"The backup {backup} restored, but not to what {metadata_path(backup).name} recorded:\n    "
            + "\n    ".join(wrong[:10])
        )
