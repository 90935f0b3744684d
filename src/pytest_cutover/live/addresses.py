"""Which live database `--db-url` means for each plan."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_cutover.errors import TargetError
from pytest_cutover.names import nearest
from pytest_cutover.plan.model import Plan
from pytest_cutover.plan.targets import expand
from pytest_cutover.sqlite.connection import SqliteTarget
from pytest_cutover.target import Target

URL = "url"
"""The name of a database that is given by its address."""
_SQLITE = "sqlite:///"


@dataclass(frozen=True)
class Address:
    """A live database. `name` is the plan's word for it, `slug` names its files, `target` leads there."""

    name: str
    slug: str
    target: Target | SqliteTarget


def is_address(text: str) -> bool:
    """True for a URL or a libpq connection string, false for a name."""
    return "://" in text or "=" in text


def choose(text: str, plans: Sequence[Plan], environment: Mapping[str, str] = os.environ) -> dict[str, Address]:
    """The database of each plan, by the plan's name; a plan whose [targets] lack the name is left out.

    Raises:
        TargetError: nobody knows the name, its variable is not set, or the address is none; no message holds a password.
    """
    if is_address(text):
        if len(plans) != 1:
            raise TargetError(
                f"--db-url: a URL is the database of one plan, and {len(plans)} are selected: add --plan NAME"
            )
        target = _target(text, plans[0])
        return {plans[0].name: Address(URL, _slug(target), target)}
    known = sorted({name for plan in plans for name in plan.file.targets})
    if text not in known:
        listed = ", ".join(known) or "none: write [targets] in the plan, or give a URL"
        raise TargetError(f"--db-url {text}: there is no such target. Targets: {listed}.{nearest(text, known)}")
    found, problems = {}, []
    for plan in plans:
        if text not in plan.file.targets:
            continue
        expanded = expand(plan.file.targets[text], environment)
        if not expanded:
            problems.append(f"{plan.name}: [targets] {text} is read from {plan.file.targets[text]}, which is not set")
            continue
        try:
            found[plan.name] = Address(text, text, _target(expanded, plan))
        except TargetError as error:
            problems.append(f"{plan.name}: [targets] {text}: {error}")
    if problems:
        raise TargetError(f"--db-url {text}: " + "\n".join(problems))
    return found


def _target(text: str, plan: Plan) -> Target | SqliteTarget:
    if plan.file.engine == "sqlite":
        if not text.startswith(_SQLITE) or text == _SQLITE:
            raise TargetError(f"the plan {plan.name} is for SQLite: write sqlite:///PATH")
        return SqliteTarget(Path(text.removeprefix(_SQLITE)).resolve())
    if text.startswith("sqlite:"):
        raise TargetError(f"the plan {plan.name} is for PostgreSQL, and this is a SQLite file")
    return Target.parse(text)


def _slug(target: Target | SqliteTarget) -> str:
    """A name for files that tells two databases apart and holds no account."""
    text = (
        target.path.stem
        if isinstance(target, SqliteTarget)
        else f"{target.host.strip('/')}-{target.port}-{target.database}"
    )
    return "".join(char if char.isalnum() or char in "-_" else "-" for char in text)
