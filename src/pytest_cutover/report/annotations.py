"""What stops the go, as GitHub's annotations: on the plan's line of a criterion, on the line of a failed statement."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from pytest_cutover.plan.lines import problem_line
from pytest_cutover.plan.model import PLAN_FILE
from pytest_cutover.report import fields, text, view
from pytest_cutover.report.fields import Json

SHOWN = 10
"""So many errors, and so many warnings, of one step are shown by GitHub."""
_LONGEST = 1_000

Locate = Callable[[str, str], tuple[str, int]]
"""From a plan's name and a criterion's id (empty: the plan itself) to a file and its line."""


def in_workflow() -> bool:
    """True in a job of GitHub Actions."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


def annotate(result: Json, root: Path, locate: Locate) -> list[str]:
    """The lines to print, at most SHOWN of each level; where there are more, the last one says so.

    `root` is the folder that the files in the result are relative to.
    """
    run = view.read(result)
    errors = [each for plan in run.plans for each in _errors(plan, root, locate)]
    warnings = [
        _command("warning", *locate(fields.string(each, "plan"), ""), "weakened", sentence)
        for each, sentence in zip(fields.mappings(result, "weakened"), run.weakened)
    ]
    warnings += [each for plan in run.plans for each in _warnings(plan, locate)]
    return [*_first(errors, "error"), *_first(warnings, "warning")]


def problem_annotations(problems: Sequence[str], root: Path) -> list[str]:
    """The mistakes in plans, as the loader words them: `migrations/NAME/plan.toml: where: what`."""
    lines = []
    for problem in problems:
        name, found, words = problem.partition(f"{PLAN_FILE}: ")
        path = root / f"{name}{PLAN_FILE}"
        if not found or not path.is_file():
            lines.append(_command("error", "", 0, "cutover", problem))
            continue
        content = path.read_text(encoding="utf-8", errors="replace")
        lines.append(_command("error", shown_path(path), problem_line(content, words), "cutover", words))
    return _first(lines, "error")


def shown_path(path: Path) -> str:
    """The path as GitHub names it: from the folder of the checkout, else as it is."""
    workspace = os.environ.get("GITHUB_WORKSPACE")
    top = Path(workspace).resolve() if workspace else Path.cwd()
    return path.relative_to(top).as_posix() if path.is_relative_to(top) else str(path)


def _errors(plan: view.PlanView, root: Path, locate: Locate) -> Iterator[str]:
    placed = False
    for step in plan.parts("steps"):
        at, line = fields.string(step, "file"), fields.whole(step, "line")
        if fields.string(step, "outcome") == "failed" and at and line:
            placed = True
            yield _command("error", shown_path(root / at), line, f"{plan.name}: applies", fields.string(step, "error"))
    for criterion in plan.failed:
        if placed and criterion.id == "applies":
            continue
        parts = [criterion.message]
        parts += [f"expected: {criterion.expected}"] if criterion.expected else []
        parts += [f"found: {criterion.actual}"] if criterion.actual else []
        yield _command("error", *locate(plan.name, criterion.id), f"{plan.name}: {criterion.id}", "\n".join(parts))


def _warnings(plan: view.PlanView, locate: Locate) -> Iterator[str]:
    for reason, found in plan.not_checked.items():
        ids = ", ".join(each.id for each in found[:SHOWN])
        more = f" and {len(found) - SHOWN:,} more" if len(found) > SHOWN else ""
        title = f"{plan.name}: not checked"
        yield _command("warning", *locate(plan.name, found[0].id), title, f"{ids}{more}: {reason}")


def _first(lines: list[str], level: str) -> list[str]:
    if len(lines) <= SHOWN:
        return lines
    return [*lines[: SHOWN - 1], f"::{level} title=cutover::and {len(lines) - SHOWN + 1:,} more, in the report"]


def _command(level: str, file: str, line: int, title: str, message: str) -> str:
    """One workflow command. Nothing in it can end it or begin another."""
    properties = {"file": file, "line": str(line), "title": text.one_line(title)}
    given = ",".join(f"{name}={_property(value)}" for name, value in properties.items() if value and value != "0")
    return f"::{level} {given}::{_data(text.shorten(text.clean(message), _LONGEST))}"


def _data(value: str) -> str:
    return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: str) -> str:
    return _data(value).replace(":", "%3A").replace(",", "%2C")
