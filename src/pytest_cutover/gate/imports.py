"""Which modules of the repository the checks import, found without importing anything."""

from __future__ import annotations

import ast
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest_cutover
from pytest_cutover.gate.settings import read_settings

_ENGINE = Path(pytest_cutover.__file__).parent.resolve()
_FOLDERS = ("", "src")
"""Where a module may lie, beside the importing file's own folder and the ones that `pythonpath` names."""


def imported_modules(root: Path) -> list[Path]:
    """The files that verifications/, conftest.py and `-p` import, directly or through each other, from the repository.

    One that an import could mean and that is not there is listed, too: it may be gone.
    """
    settings = read_settings(root)
    folders = [root / name for name in (*_FOLDERS, *_listed(settings, "pythonpath"))]
    found = dict.fromkeys(path for name in _plugins(settings) for path in _candidates(name, folders))
    waiting = [*found, root / "conftest.py", *sorted((root / "verifications").rglob("*.py"))]
    seen: set[Path] = set()
    while waiting:
        file = waiting.pop()
        if file in seen or not file.is_file():
            continue
        seen.add(file)
        for name in _imports(file):
            for path in _candidates(name, [*folders, file.parent]):
                found[path] = None
                waiting.append(path)
    return list(found)


def _imports(file: Path) -> Iterator[str]:
    """The dotted names that a file imports; `from a import b` may mean the module a.b."""
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, ValueError, SyntaxError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            yield from (f"{base}.{each.name}".strip(".") for each in node.names)
            if base:
                yield base
        elif isinstance(node, ast.Assign) and any(
            isinstance(each, ast.Name) and each.id == "pytest_plugins" for each in node.targets
        ):
            constants = (each.value for each in ast.walk(node.value) if isinstance(each, ast.Constant))
            yield from (value for value in constants if isinstance(value, str))


def _candidates(name: str, folders: list[Path]) -> Iterator[Path]:
    """The files that importing the name would run: the module, and its packages."""
    parts = name.split(".")
    if not all(part.isidentifier() for part in parts):
        return
    for folder in folders:
        for length in range(1, len(parts) + 1):
            path = folder.joinpath(*parts[:length])
            if not path.is_relative_to(_ENGINE):
                yield path.with_suffix(".py")
                yield path / "__init__.py"


def _plugins(settings: dict[str, Any]) -> Iterator[str]:
    """The modules that `-p` in addopts names."""
    words = _listed(settings, "addopts")
    for position, word in enumerate(words):
        name = words[position + 1] if word == "-p" and position + 1 < len(words) else word[2:]
        if word.startswith("-p") and not word.startswith("--") and not name.startswith("no:"):
            yield name


def _listed(settings: dict[str, Any], key: str) -> list[str]:
    """All values of a setting of pytest, whatever file and table it stands in."""
    words: list[str] = []
    for name, value in settings.items():
        if name.rpartition(" ")[2] == key:
            words += value if isinstance(value, list) else shlex.split(str(value))
    return [str(word) for word in words]
