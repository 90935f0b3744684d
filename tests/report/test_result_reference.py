"""docs/result.md names every key of a result, and no other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import samples

REFERENCE = Path(__file__).parents[2] / "docs" / "result.md"
BY_NAME = {"changed_since.selected", "plans[].changes", "plans[].changes.*.columns"}
"""Tables whose keys are names from a database."""


def documented() -> list[str]:
    return re.findall(r"^\| `([^`]+)`", REFERENCE.read_text(encoding="utf-8"), re.MULTILINE)


def keys(value: Any, path: str = "") -> Iterator[str]:
    """The path of every value in a result that holds no further keys."""
    if isinstance(value, dict) and value:
        for name, part in value.items():
            step = "*" if path in BY_NAME else name
            yield from keys(part, f"{path}.{step}" if path else step)
    elif isinstance(value, list) and any(isinstance(part, dict) for part in value):
        for part in value:
            yield from keys(part, f"{path}[]")
    elif path:
        yield path


def holds(known: set[str], path: str) -> bool:
    """An empty list or table stands for what it could hold."""
    return path in known or any(name.startswith((f"{path}.", f"{path}[]")) for name in known)


def test_every_key_of_the_samples_is_documented() -> None:
    known = set(documented())

    found = {path for make in samples.SAMPLES.values() for path in keys(make())}

    assert sorted(path for path in found if not holds(known, path)) == []


def test_every_documented_key_is_in_a_sample() -> None:
    found = {path for make in samples.SAMPLES.values() for path in keys(make())}

    assert [path for path in documented() if path not in found and path != "plans"] == []
    assert len(documented()) == len(set(documented()))
