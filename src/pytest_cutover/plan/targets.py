"""The live databases that plans name: addresses that may hold secrets, read from the environment when needed."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from pytest_cutover.errors import PlanError, TargetError
from pytest_cutover.sqlite.connection import SqliteTarget
from pytest_cutover.target import Target

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_VARIABLE = re.compile(r"\$\{(\w+)\}")


def expand(text: str, environment: Mapping[str, str] = os.environ) -> str | None:
    """The text with each `${NAME}` replaced from the environment; None where one is not set."""
    if any(name not in environment for name in _VARIABLE.findall(text)):
        return None
    return _VARIABLE.sub(lambda match: environment[match[1]], text)


def live_addresses(plan_files: list[Path]) -> dict[str, str]:
    """The address of every target that any of the plans names, as `PLAN: [targets] NAME`; unset ones are left out.

    The plans need not be valid otherwise: what they protect is protected all the same.

    Raises:
        PlanError: a file cannot be read, so that what it protects is unknown.
    """
    found = {}
    for path in plan_files:
        try:
            targets = tomllib.loads(path.read_text(encoding="utf-8")).get("targets", {})
        except (OSError, ValueError) as error:
            raise PlanError([f"{path}: cannot be read: {error}"]) from error
        for name, address in targets.items() if isinstance(targets, dict) else ():
            expanded = expand(str(address))
            if expanded:
                found[f"{path.parent.name}: [targets] {name}"] = expanded
    return found


def resolve(address: str, targets: Mapping[str, str], plan: str | None) -> Target | SqliteTarget:
    """The database that `--db-url` means: a URL, or the name of one of the plan's targets.

    Raises:
        TargetError: there is no such target, its variable is not set, or it is no address.
    """
    if "://" in address or "=" in address:
        return _parse(address)
    if address not in targets:
        known = f"the targets of {plan} are: {', '.join(targets) or 'none'}" if plan else "a name needs --plan NAME"
        raise TargetError(f"--db-url {address}: this is no URL, and {known}")
    expanded = expand(targets[address])
    if expanded is None:
        raise TargetError(f"--db-url {address}: {plan} reads it from {targets[address]}, which is not set")
    return _parse(expanded)


def _parse(address: str) -> Target | SqliteTarget:
    return SqliteTarget.parse(address) if address.startswith("sqlite") else Target.parse(address)
