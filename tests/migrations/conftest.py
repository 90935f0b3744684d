"""Databases for the migrations' own tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.migrations.vtrack import Warehouse, make_warehouse


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    """A copy of the committed backup in a folder of its own."""
    return make_warehouse(tmp_path / "warehouse")


@pytest.fixture
def open_warehouse() -> Iterator[Warehouse]:
    """The same where an ordinary user gets in; pytest's own folders are closed to others. Needs root."""
    if os.geteuid() != 0:
        pytest.skip("becoming another user needs root")
    folder = Path(tempfile.mkdtemp(prefix="vtrack-"))
    folder.chmod(0o755)
    try:
        yield make_warehouse(folder / "warehouse")
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Makes a file system of so many bytes, in memory. Needs root."""
    mounted: list[Path] = []

    def make(size: int) -> Path:
        place = tmp_path / f"disk{len(mounted)}"
        place.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0755", "tmpfs", place],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
        mounted.append(place)
        return place

    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("mounting a file system needs root")
    yield make
    for place in mounted:
        subprocess.run(["umount", place], check=True)
