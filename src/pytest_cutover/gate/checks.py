"""Which checks of a team a change removes or changes, found without importing anything."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

from pytest_cutover.gate.imports import imported_modules
from pytest_cutover.gate.repository import Comparison
from pytest_cutover.gate.weakening import Weakening

_FOLDER = "verifications"
_CONFTEST = "conftest.py"
_COLLECTED = ("test_*.py", "*_test.py")
_EMPTY = ast.dump(ast.Module(body=[], type_ignores=[]))
_Function = (ast.FunctionDef, ast.AsyncFunctionDef)


def weakened_checks(comparison: Comparison, root: Path) -> list[Weakening]:
    """The checks in verifications/ that are gone or read otherwise than at the base, and what they read or import that
    does. A check may move to another file that pytest collects."""
    old: dict[str, dict[str, str]] = {}
    new: dict[str, dict[str, str]] = {}
    for path in [*comparison.files_below(root / _FOLDER), root / _CONFTEST]:
        if path.suffix == ".py":
            old[_name(path, root)] = _parts(comparison.read(path))
    for path in [*sorted((root / _FOLDER).rglob("*.py")), root / _CONFTEST]:
        new[_name(path, root)] = _parts(path.read_bytes() if path.is_file() else None)
    moved = {
        name: text for file, parts in new.items() if _is_collected(file)
        for name, text in parts.items() if name not in old.get(file, {})
    }  # fmt: skip
    return [*_compare(old, new, moved), *_beside(comparison, root, old, new)]


def _beside(
    comparison: Comparison, root: Path, old: dict[str, dict[str, str]], new: dict[str, dict[str, str]]
) -> Iterator[Weakening]:
    """What decides with the checks: a conftest.py that is new, the other files in their folder, modules they import."""
    for file, parts in new.items():
        if Path(file).name == _CONFTEST and file not in old and parts.get("", "") != _EMPTY:
            yield Weakening("", "check changed", f"{file}, which is new", "", "")
    data = [path for path in comparison.files_below(root / _FOLDER) if path.suffix != ".py"]
    modules = [path for path in imported_modules(root) if not path.is_relative_to(root / _FOLDER)]
    for path in dict.fromkeys([*data, *modules]):
        known = path.is_relative_to(root) and _name(path, root) in old
        if path in comparison.changed and not known and comparison.read(path) is not None:
            yield Weakening("", "check changed", _name(path, comparison.top), "", "")


def _is_collected(file: str) -> bool:
    return any(fnmatch(Path(file).name, pattern) for pattern in _COLLECTED)


def _compare(
    old: dict[str, dict[str, str]], new: dict[str, dict[str, str]], moved: dict[str, str]
) -> Iterator[Weakening]:
    for file, parts in old.items():
        for name, text in parts.items():
            now = new.get(file, {}).get(name)
            if now is None and name:
                now = moved.get(name)
            subject = f"{file}::{name}" if name else f"{file}, beside its checks"
            if now is None and name:
                yield Weakening("", "check removed", subject, "", "")
            elif now is not None and now != text:
                yield Weakening("", "check changed", subject, "", "")


def _name(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()


def _parts(content: bytes | None) -> dict[str, str]:
    """What each check of a module says, by its name, and under an empty name what else the module says.

    Comments, docstrings and layout do not count. A file that is no Python has no checks: pytest will say so.
    """
    try:
        tree = ast.parse(content or b"")
    except (ValueError, SyntaxError):
        return {}
    _forget_docstrings(tree)
    parts = {}
    for node in list(tree.body):
        for name, check in _checks(node):
            parts[name] = ast.dump(check)
        if isinstance(node, _Function) and node.name.startswith("test"):
            tree.body.remove(node)
        elif isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            own = [each for each in node.body if not (isinstance(each, _Function) and each.name.startswith("test"))]
            if own or node.decorator_list or node.bases:
                node.body = own
            else:
                tree.body.remove(node)
    return parts | {"": ast.dump(tree)}


def _checks(node: ast.stmt) -> Iterator[tuple[str, ast.AST]]:
    if isinstance(node, _Function) and node.name.startswith("test"):
        yield node.name, node
    elif isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
        for each in node.body:
            if isinstance(each, _Function) and each.name.startswith("test"):
                yield f"{node.name}::{each.name}", each


def _forget_docstrings(tree: ast.Module) -> None:
    for node in ast.walk(tree):
        if (
            isinstance(node, (ast.Module, ast.ClassDef, *_Function))
            and ast.get_docstring(node, clean=False) is not None
        ):
            node.body = node.body[1:]
