"""Which plans a change touches."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest_cutover
from pytest_cutover.errors import GateError
from pytest_cutover.gate.checks import weakened_checks
from pytest_cutover.gate.imports import imported_modules
from pytest_cutover.gate.repository import Comparison, compare_with
from pytest_cutover.gate.settings import changed_settings
from pytest_cutover.gate.weakening import Weakening, text_of, weakened_plan
from pytest_cutover.plan.model import PLAN_FILE

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_OF_EVERY_PLAN = (
    "conftest.py", "verifications", "pyproject.toml", "pytest.ini", ".pytest.ini", "pytest.toml", ".pytest.toml",
    "tox.ini", "setup.cfg",
)  # fmt: skip
_OF_THE_ENGINE = ("*.lock", "requirements*.txt", "constraints*.txt")
"""Files of the root that say which version of the engine runs."""
_LONGEST_PATH = 1000


@dataclass(frozen=True)
class Selection:
    """The plans to rehearse, each with why; the others; the ones that are gone; and what is checked less."""

    revision: str
    base: str
    plans: dict[str, str]
    untouched: tuple[str, ...]
    deleted: tuple[str, ...]
    weakened: tuple[Weakening, ...]

    def only(self, names: Sequence[str]) -> Selection:
        """The same, for the named plans alone; what is weakened of every plan stays."""
        return Selection(
            self.revision, self.base,
            {name: why for name, why in self.plans.items() if name in names},
            tuple(name for name in self.untouched if name in names),
            tuple(name for name in self.deleted if name in names),
            tuple(each for each in self.weakened if not each.plan or each.plan in names),
        )  # fmt: skip


def select(root: Path, plans: Path, folders: Sequence[Path], revision: str) -> Selection:
    """What of the plans in `folders` (below `plans`) differs from the merge base of HEAD and `revision`.

    Raises:
        GateError: git cannot tell.
    """
    comparison = compare_with(root, revision)
    root, plans = root.resolve(), plans.resolve()
    if not plans.is_relative_to(comparison.top):
        raise GateError(f"--changed-since: the folder of plans {plans} is not in the repository {comparison.top}")
    everything = comparison.touches(_of_every_plan(comparison, root))
    touched: dict[str, str] = {}
    weakened = weakened_checks(comparison, root)
    for name, was, now in changed_settings(comparison, root):
        weakened.append(Weakening("", "setting changed", name, text_of(was), text_of(now)))
    for folder in folders:
        old_file = comparison.renamed.get(plans / folder.name / PLAN_FILE, plans / folder.name / PLAN_FILE)
        path = everything or comparison.touches(_files(folder, root, comparison.top))
        if path is not None:
            touched[folder.name] = f"{comparison.shown(path)} changed"
            before = comparison.read(old_file)
            if before is None:  # a folder that a symbolic link leads to
                before = _read_resolved(comparison, folder)
            weakened += _weakened(comparison, folder, before)
    names = {folder.name for folder in folders}
    moved = {old for new_path, old in comparison.renamed.items() if new_path.parent.name in names}
    gone = [path for path in _plans_before(comparison, plans) if path.parent.name not in names and path not in moved]
    for path in gone:
        count = len((_parse(comparison.read(path)) or {}).get("criteria", []))
        weakened.append(Weakening(path.parent.name, "plan removed", "", f"{count} criteria", ""))
    return Selection(
        revision, comparison.base, touched,
        tuple(folder.name for folder in folders if folder.name not in touched),
        tuple(path.parent.name for path in gone), tuple(sorted(weakened, key=lambda each: each.rank)),
    )  # fmt: skip


def _read_resolved(comparison: Comparison, folder: Path) -> bytes | None:
    path = (folder / PLAN_FILE).resolve()
    return comparison.read(path) if path.is_relative_to(comparison.top) else None


def _weakened(comparison: Comparison, folder: Path, before: bytes | None) -> list[Weakening]:
    new, old = _read(folder), _parse(before)
    if before is None or new is None:
        return []  # a new plan; or one that will be refused
    if old is None:
        return [Weakening(folder.name, "plan not compared", "its plan.toml before is not TOML", "", "")]

    def differs(name: str) -> bool:
        return comparison.touches(_spelled(folder / name)) is not None

    return weakened_plan(folder.name, old, new, differs)


def _of_every_plan(comparison: Comparison, root: Path) -> Iterator[Path]:
    """Every plan depends on these: the checks and what they import, the settings of pytest, the engine and its version."""
    yield from (root / name for name in _OF_EVERY_PLAN)
    yield from (path for path in imported_modules(root) if path in comparison.changed)
    yield Path(pytest_cutover.__file__).parent.resolve()
    for path in sorted(comparison.changed):
        if path.parent == root and any(fnmatch(path.name, pattern) for pattern in _OF_THE_ENGINE):
            yield path


def _plans_before(comparison: Comparison, plans: Path) -> list[Path]:
    return [
        path for path in comparison.files_below(plans) if path.name == PLAN_FILE and path.parent.parent == plans
    ]  # fmt: skip


def _files(folder: Path, root: Path, top: Path) -> Iterator[Path]:
    """The files and folders that the plan is made of: its own folder, its fixtures, and whatever the plan file names.

    Any text in the plan file that leads to something in the repository counts, so that no kind of step, no argument
    of a program and no key of a team's own kind is forgotten. Of a plan that cannot be read, its folder counts.
    """
    yield from _spelled(folder)
    yield from _spelled(root / "fixtures" / folder.name)
    for text in _texts(_read(folder)):
        if "\0" in text or len(text) > _LONGEST_PATH:
            continue
        for word in {text, text.rpartition("=")[2]}:
            for path in _spelled(folder / word) if word else ():
                if path.is_relative_to(top):
                    yield path
                    yield path.with_name(f"{path.name}.json")  # what `cutover backup` proved of a backup


def _spelled(path: Path) -> Iterator[Path]:
    """The path as it is written and as it is: a symbolic link can change, and so can what it leads to."""
    yield Path(os.path.abspath(path))
    with suppress(OSError, RuntimeError):
        yield path.resolve()


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)


def _read(folder: Path) -> dict[str, Any] | None:
    try:
        return _parse((folder / PLAN_FILE).read_bytes())
    except OSError:
        return None


def _parse(content: bytes | None) -> dict[str, Any] | None:
    """The plan file's content; None where it is none. What is wrong with the plan of today is said elsewhere."""
    try:
        return None if content is None else tomllib.loads(content.decode())
    except ValueError:
        return None
