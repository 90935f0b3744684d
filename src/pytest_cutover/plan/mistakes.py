"""A plan's mistakes in words: pydantic's errors with the key, what was found, what is allowed and the nearest word."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from pytest_cutover.names import nearest

_FOUND_LENGTH = 80


def explain(model: type[BaseModel], where: str, detail: Any) -> tuple[str, str]:
    """The place of one of pydantic's errors as a person writes it, and what is wrong there and what is allowed."""
    path = tuple(detail["loc"])
    place = join(where, _dotted(path))
    kind = detail["type"]
    if kind == "extra_forbidden":
        known = _known_keys(model, path[:-1])
        key = str(path[-1])
        return (
            join(where, _dotted(path[:-1])),
            f'unknown key "{key}". Known keys: {", ".join(known)}.{nearest(key, known)}',
        )
    if kind == "missing":
        return join(where, _dotted(path[:-1])), f'the key "{path[-1]}" is missing'
    message = detail["msg"].removeprefix("Value error, ")
    if kind == "too_short" and path == ("criteria",):
        message = "a plan without criteria proves nothing; give at least one [[criteria]]"
    found = "" if kind == "value_error" and isinstance(detail["input"], (dict, list)) else found_value(detail["input"])
    hint = ""
    expected = detail.get("ctx", {}).get("expected")
    if kind == "literal_error" and isinstance(detail["input"], str) and expected:
        words = [word.strip(" '") for word in expected.replace(" or ", ",").split(",")]
        message = f"allowed: {', '.join(words)}"
        hint = nearest(detail["input"], words)
    return place, f"{found}{message}{hint}"


def join(where: str, place: str) -> str:
    """The place inside of another."""
    return f"{where}: {place}" if where and place else where or place


def _dotted(path: tuple[Any, ...]) -> str:
    """The key as a person writes it, list entries counted from 1: `rollback[2].steps[1].sql`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part + 1}]"
        elif part != "[key]":
            text += f".{part}" if text else str(part)
    return text


def _known_keys(model: type[BaseModel], path: tuple[Any, ...]) -> list[str]:
    """The keys of the section that `path` leads to."""
    current: Any = model
    for part in path:
        if isinstance(part, str) and isinstance(current, type) and issubclass(current, BaseModel):
            field = current.model_fields.get(part)
            current = _section_of(field.annotation) if field is not None else None
    if isinstance(current, type) and issubclass(current, BaseModel):
        return [field.alias or name for name, field in current.model_fields.items()]
    return []


def _section_of(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        section = _section_of(inner)
        if section is not None:
            return section
    return None


def found_value(value: Any) -> str:
    """What was found, to begin an explanation with."""
    if isinstance(value, str):
        line = " ".join(value.split())
        return f'found "{line if len(line) <= _FOUND_LENGTH else line[: _FOUND_LENGTH - 1] + "…"}": '
    if isinstance(value, bool):
        return f"found {str(value).lower()}: "
    if isinstance(value, (int, float)):
        return f"found {value}: "
    if isinstance(value, dict):
        return "found a table: "
    if isinstance(value, list):
        return "found a list: "
    return f"found {value}: "
