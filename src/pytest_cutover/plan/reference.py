"""The page docs/plan.md, written from the model itself."""

from __future__ import annotations

import types
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from pytest_cutover.plan.model import (
    Backup,
    Changes,
    Criterion,
    Expect,
    Live,
    Migrate,
    OwnCriterion,
    PlanFile,
    Report,
    Rollback,
    RowChanges,
    Sandbox,
    Step,
    Waiver,
)
from pytest_cutover.plan.values import Range, Size

_HEAD = """\
# The plan file

A plan is a folder below `migrations/` with a file `plan.toml`. This page is generated from the model that reads it
(`make docs`); a test fails where the two differ. Unknown keys are errors, and all mistakes are reported at once.

Paths are relative to the plan's folder and stay inside the repository. Durations are written with a unit: `500ms`,
`10s`, `10min`, `2h`, `7d`; sizes are, too: `64MB`, `10GB`. Counts are a number or a range: `5`, `"3..5"`, `">=1000"`. `${NAME}` in a target reads the
environment.

Objects are named `kind:name`, as in `table:flights`, `column:flights.cid`, `constraint:flights.valid_cid`,
`index:idx_a`, `policy:t.p`, `trigger:t.g`, `function:f(integer)`, `sequence:s`, `view:v`, `type:t`, `extension:e`, with
the schema in front where it is not `public`.
"""

_SECTIONS: tuple[tuple[str, type[BaseModel]], ...] = (
    ("The top of the file", PlanFile),
    ("[backup]", Backup),
    ("backup.expect", Expect),
    ("[sandbox]", Sandbox),
    ("[migrate]", Migrate),
    ("A step, in migrate.steps and rollback.steps", Step),
    ("[[rollback]]", Rollback),
    ("[changes]", Changes),
    ("changes.rows.TABLE", RowChanges),
    ("[live]", Live),
    ("[report]", Report),
    ("[[criteria]]: what every kind has", Criterion),
    ("[[criteria]] of a kind of your own", OwnCriterion),
    ("[[waivers]]", Waiver),
)


def render_plan_reference() -> str:
    """The whole page in Markdown."""
    parts = [_HEAD]
    for title, model in _SECTIONS:
        summary = (model.__doc__ or "").strip().splitlines()[0]
        parts.append(f"## {title}\n\n{summary}\n\n| key | value | default | meaning |\n|---|---|---|---|")
        parts += [_row(name, field) for name, field in model.model_fields.items()]
        parts.append("")
    parts.append("The kinds and their further keys: [kinds.md](kinds.md).\n")
    return "\n".join(parts)


def _row(name: str, field: FieldInfo) -> str:
    meaning = field.description or _summary_of(field.annotation)
    return f"| `{name}` | {_type(field.annotation, field)} | {_default(field)} | {meaning} |".replace("| |", "| — |")


def _summary_of(annotation: Any) -> str:
    for model in (annotation, *get_args(annotation)):
        if isinstance(model, type) and issubclass(model, BaseModel):
            return (model.__doc__ or "").strip().splitlines()[0]
    return "named addresses"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.default
    if value is None or value is PydanticUndefined or isinstance(value, BaseModel) or value in ([], {}):
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, list):
        return ", ".join(f"`{each}`" for each in value)
    return f"`{_duration(value)}`" if isinstance(value, float) else f"`{value}`"


def _duration(seconds: float) -> str:
    return f"{seconds / 60:g}min" if seconds % 60 == 0 else f"{seconds:g}s"


def _type(annotation: Any, field: FieldInfo | None = None) -> str:
    words = {
        str: "text", int: "number", float: "duration", bool: "true or false", Range: "count", Size: "size", Any: "any",
    }  # fmt: skip
    if annotation in words:
        return words[annotation]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " or ".join(f"`{each}`" for each in arguments)
    if origin in (Union, types.UnionType):
        return " or ".join(_type(each) for each in arguments if each is not type(None))
    if origin is list:
        return f"list of {_type(arguments[0])}"
    if origin is dict:
        return f"table of {_type(arguments[1])}"
    if arguments:
        return _type(arguments[0])
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "table"
    return {"date": "date", "datetime": "date and time with zone"}[annotation.__name__]


if __name__ == "__main__":
    print(render_plan_reference(), end="")
