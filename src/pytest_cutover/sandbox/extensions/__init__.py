"""Stand-ins for extensions that a disposable server may lack: real extensions, written in SQL."""

from __future__ import annotations

import hashlib
import io
import shutil
import tarfile
from pathlib import Path

import psycopg

_FOLDER = Path(__file__).parent
_COMMENT = "stand-in for "
"""What the comment of each stand-in begins with, in its control file."""


def _files() -> list[Path]:
    return sorted(path for path in _FOLDER.iterdir() if path.suffix in (".control", ".sql"))


def stand_ins() -> list[str]:
    """The names of the extensions that there is a stand-in for."""
    return [path.stem for path in _files() if path.suffix == ".control"]


def digest() -> str:
    """Twelve hexadecimal digits that change with the stand-ins' content."""
    return hashlib.sha256(b"".join(path.read_bytes() for path in _files())).hexdigest()[:12]


def add_to_installation(install: Path) -> None:
    """Puts those stand-ins into a copy of PostgreSQL's files that it has no extension of that name for."""
    for control in install.rglob("extension/plpgsql.control"):
        missing = [name for name in stand_ins() if not (control.parent / f"{name}.control").exists()]
        for path in _files():
            if path.stem.split("--")[0] in missing:
                shutil.copyfile(path, control.parent / path.name)
                (control.parent / path.name).chmod(0o644)


def as_tar(names: list[str]) -> bytes:
    """A tar archive of the stand-ins of these names, readable by everybody."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for path in _files():
            if path.stem.split("--")[0] in names:
                member = archive.gettarinfo(path, path.name)
                member.mode, member.uid, member.gid = 0o644, 0, 0
                with path.open("rb") as stream:
                    archive.addfile(member, stream)
    return content.getvalue()


def used_in(connection: psycopg.Connection) -> list[str]:
    """The extensions of this database that are stand-ins."""
    rows = connection.execute(
        "SELECT name FROM pg_available_extensions"
        " WHERE installed_version IS NOT NULL AND starts_with(comment, %s) ORDER BY name",
        (_COMMENT,),
    ).fetchall()
    return [name for (name,) in rows]
