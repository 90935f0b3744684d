"""Reading a result's keys: what is missing or of another type counts as not there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pytest_cutover.report import text

Json = Mapping[str, Any]


def slug(name: str) -> str:
    """The name as a part of an address: other characters than letters, digits and `_.:-` become `_`."""
    return re.sub(r"[^\w.:-]", "_", name)


def string(data: Json, key: str) -> str:
    """The text under a key, harmless; empty where it is missing or null."""
    value = data.get(key)
    return "" if value is None else text.clean(value).strip()


def number(data: Json, key: str) -> float | None:
    """The number under a key, None where there is none."""
    value = data.get(key)
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def whole(data: Json, key: str) -> int | None:
    """The whole number under a key, None where there is none."""
    value = data.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def listing(data: Json, key: str) -> list[Any]:
    """The list under a key, empty where there is none."""
    value = data.get(key)
    return list(value) if isinstance(value, (list, tuple)) else []


def mapping(data: Json, key: str) -> Json:
    """The table under a key, empty where there is none."""
    value = data.get(key)
    return value if isinstance(value, Mapping) else {}


def mappings(data: Json, key: str) -> list[Json]:
    """The tables in the list under a key."""
    return [value for value in listing(data, key) if isinstance(value, Mapping)]
