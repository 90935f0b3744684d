"""The live databases that plans name: addresses that may hold secrets, read from the environment when needed."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from pytest_cutover.errors import PlanError

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
