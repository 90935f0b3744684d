"""The reference of the kinds, written from the kinds' own data: keys, what each proves and cannot, an example."""

from __future__ import annotations

import inspect
import json
import re
from typing import Any

from pytest_cutover.criteria.base import KINDS, Example, Kind
from pytest_cutover.plan.model import Criterion

GROUPS = {
    "run": "The run itself",
    "schema": "The schema",
    "data": "The data",
    "time": "Points in time",
    "behaviour": "What the database accepts",
    "queries": "Queries",
    "locks": "Locks",
    "history": "The history of migrations",
    "live": "A live database and its service",
}
"""The groups in their order, with their headings."""

_INTRODUCTION = """\
# Criterion kinds

Each `[[criteria]]` table of a `plan.toml` has an `id`, a `kind`, and the keys of that kind. This page is written from the
kinds' own data (`make docs`); the same examples are run as tests. `cutover kinds KIND` prints one of them.

A kind never passes by absence. A missing table or column fails. A table without rows fails where it held rows before,
and is *not checked* where it did not; what is not checked makes the verdict INCOMPLETE.
"""


def render_reference() -> str:
    """The page docs/kinds.md."""
    parts = [_INTRODUCTION, _common_keys()]
    for group, heading in GROUPS.items():
        kinds = _of_group(group)
        if kinds:
            parts.append(f"## {heading}\n")
            if group == "run":
                parts.append("Every plan has these without asking; they are not written as `[[criteria]]`.\n")
            parts += [render_kind(kind) for kind in kinds]
    return "\n".join(parts)


def render_list() -> str:
    """One line per kind: its name, and what is true when it holds."""
    width = max(len(name) for name in KINDS)
    lines = []
    for group, heading in GROUPS.items():
        kinds = _of_group(group)
        if kinds:
            lines.append(heading)
            lines += [f"  {kind.KIND:<{width}}  {_claim(kind)}" for kind in kinds]
    return "\n".join([*lines, "", "More on one of them: cutover kinds KIND"]) + "\n"


def render_kind(kind: type[Kind]) -> str:
    """The section of one kind, in Markdown."""
    parts = [f"### `{kind.KIND}`\n\n{_claim(kind)}\n"]
    keys = _keys(kind)
    if keys:
        parts.append("| key | value | meaning |\n|---|---|---|\n" + "\n".join(keys) + "\n")
    if kind.model_fields["phases"].default == ["rehearsal"]:
        parts.append("It writes, so it is checked in a rehearsal only.\n")
    parts.append(f"*Proves:* {kind.PROVES}\n\n*Cannot prove:* {kind.CANNOT}\n")
    parts.append(_example(kind))
    return "\n".join(parts)


def _of_group(group: str) -> list[type[Kind]]:
    return [kind for _, kind in sorted(KINDS.items()) if kind.GROUP == group]


def _claim(kind: type[Kind]) -> str:
    return " ".join((inspect.getdoc(kind) or "").split("\n\n")[0].split())


def _common_keys() -> str:
    rows = "\n".join(_row(name, Criterion) for name in Criterion.model_fields)
    return f"Keys of every kind:\n\n| key | value | meaning |\n|---|---|---|\n{rows}\n"


def _keys(kind: type[Kind]) -> list[str]:
    own = [name for name in kind.model_fields if name not in Criterion.model_fields]
    return [] if kind.IMPLICIT else [_row(name, kind) for name in own]


def _row(name: str, model: type[Criterion]) -> str:
    field = model.model_fields[name]
    schema = model.model_json_schema(mode="validation")
    shown = field.alias or name
    value = _value(schema["properties"][shown])
    needed = "" if not field.is_required() else " (required)"
    return f"| `{shown}`{needed} | {value} | {field.description} |".replace("\n", " ")


def _value(schema: dict[str, Any]) -> str:
    """A key's values in words, from its JSON schema."""
    if "anyOf" in schema:
        found = dict.fromkeys(_value(each) for each in schema["anyOf"] if each.get("type") != "null")
        return " or ".join(word for word in found if word != "whole number" or "number" not in found)
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{json.dumps(each)}`" for each in schema.get("enum", [schema.get("const")]))
    if schema.get("type") == "array":
        inner = _value(schema.get("items", {}))
        return "list of texts" if inner == "text" else f"list of {inner}"
    if "type" not in schema or str(schema.get("title")).startswith(("duration", "number or")):
        return str(schema.get("title", "value"))
    names = {
        "string": "text", "integer": "whole number", "number": "number", "boolean": "true or false", "object": "table"
    }  # fmt: skip
    return names.get(str(schema.get("type")), "value")


def _example(kind: type[Kind]) -> str:
    example: Example = kind.EXAMPLE
    blocks = []
    if not kind.IMPLICIT:
        steps = "".join(f"{line}\n" for line in example.plan.splitlines() if line.startswith("migrate.steps"))
        criterion = f'[[criteria]]\nid = "example"\nkind = "{kind.KIND}"\n{example.criterion}'
        blocks.append(_block("toml", f"{steps}{criterion}"))
    elif example.plan:
        blocks.append(_block("toml", example.plan))
    if not example.before:
        return "\n".join([*blocks, f"It fails with, for instance:\n\n{_block('text', example.message)}"])
    blocks += [_block("sql", f"-- {name}\n{text.rstrip()}") for name, text in example.files.items()]
    blocks.append("The database before:\n\n" + _block("sql", example.before))
    if example.rollback:
        blocks.append("The migration:\n\n" + _block("sql", example.passing))
        blocks.append("Holds after this rollback:\n\n" + _block("sql", example.rollback))
        blocks.append("Does not hold after this one:\n\n" + _block("sql", example.failing_rollback or example.rollback))
    else:
        blocks.append("Holds after this migration:\n\n" + _block("sql", example.passing))
        blocks.append("Does not hold after this one:\n\n" + _block("sql", example.failing))
    blocks.append(f"and says:\n\n{_block('text', example.message)}")
    return "\n".join(blocks)


def _block(language: str, text: str) -> str:
    longest = max((len(run) for run in re.findall(r"`+", text)), default=2)
    fence = "`" * max(longest + 1, 3)
    return f"{fence}{language}\n{text}\n{fence}\n"
