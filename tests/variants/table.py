"""Prints docs/variants.md: every wrong migration of every plan, and the criteria that catch it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

VARIANTS = Path(__file__).parent
INTRODUCTION = """\
# Wrong migrations, and what catches them

Each is a way to be wrong that somebody has been, or could be, tried on the plan's own backup. The test suite rehearses
all of them: each must come out NO-GO on every criterion named here, and every criterion of every plan must be named at
least once, or the criterion proves nothing. Made from `tests/variants/*/*/variant.toml` by `make docs`.
"""


def _settings(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def table() -> str:
    """The page."""
    parts = [INTRODUCTION]
    for plan in sorted(path for path in VARIANTS.iterdir() if path.is_dir() and not path.name.startswith("_")):
        variants = sorted(plan.glob("*/variant.toml"))
        parts.append(f"\n## {plan.name}: {len(variants)}\n\n| wrong because | caught by |\n|---|---|\n")
        for path in variants:
            settings = _settings(path)
            caught = ", ".join(f"`{name}`" for name in settings["catches"])
            title = settings["title"].replace("|", "\\|")
            parts.append(f"| [{title}](../{path.parent.relative_to(VARIANTS.parents[1])}) | {caught} |\n")
    return "".join(parts)


if __name__ == "__main__":
    print(table(), end="")
