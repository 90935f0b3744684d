"""The settings of pytest and of pytest-cutover in a repository, and which of them a change makes others."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from configparser import ConfigParser, Error
from pathlib import Path
from typing import Any

from pytest_cutover.gate.repository import Comparison

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_TABLES = {
    "pyproject.toml": (("tool", "pytest"), ("tool", "pytest", "ini_options"), ("tool", "cutover")),
    "pytest.toml": (("pytest",),), ".pytest.toml": (("pytest",),),
}  # fmt: skip
_SECTIONS = {"pytest.ini": "pytest", ".pytest.ini": "pytest", "tox.ini": "pytest", "setup.cfg": "tool:pytest"}


def read_settings(root: Path) -> dict[str, Any]:
    """Every setting of the work tree by its file, table and key."""
    return _read(lambda name: (root / name).read_bytes() if (root / name).is_file() else None)


def changed_settings(comparison: Comparison, root: Path) -> Iterator[tuple[str, Any, Any]]:
    """Each setting that is another one than at the base, with what it was and is; None where it was or is not there."""
    old, new = _read(lambda name: comparison.read(root / name)), read_settings(root)
    for name in dict.fromkeys([*old, *new]):
        if old.get(name) != new.get(name):
            yield name, old.get(name), new.get(name)


def _read(content: Callable[[str], bytes | None]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for file, tables in _TABLES.items():
        document = _toml(content(file))
        for table in tables:
            part: Any = document
            for key in table:
                part = part.get(key, {}) if isinstance(part, dict) else {}
            for key, value in part.items() if isinstance(part, dict) else ():
                if not isinstance(value, dict):
                    found[f"{file} [{'.'.join(table)}] {key}"] = value
    for file, section in _SECTIONS.items():
        parser = ConfigParser(interpolation=None, strict=False)
        try:
            parser.read_string((content(file) or b"").decode())
        except (Error, ValueError):
            continue  # pytest will say so
        if parser.has_section(section):
            found |= {f"{file} [{section}] {key}": value for key, value in parser.items(section)}
    return found


def _toml(content: bytes | None) -> dict[str, Any]:
    try:
        found: dict[str, Any] = tomllib.loads((content or b"").decode())
    except ValueError:
        return {}
    return found
