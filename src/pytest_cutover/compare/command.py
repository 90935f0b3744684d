"""The command `cutover compare`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from pytest_cutover.compare import compare_files
from pytest_cutover.compare.rendering import as_markdown, as_text

_DESCRIPTION = """\
Shows what is worse, better, slower, faster or otherwise in B than in A: two result.json of runs, or two baselines of
reports/baselines/. Times count where they differ by half a second and by half.

The exit status is 1 where B is worse: a verdict or an outcome that is worse, a criterion or a plan that is gone (unless
--changed-since left it out), a new one that does not hold; of baselines an object that differs, or a table with fewer rows
or not counted. It is 0 where nothing is worse, slower included, and 2 where a file cannot be compared.
"""


def add_compare(commands: Any) -> None:
    """Adds the command to the others."""
    compare = commands.add_parser(
        "compare", help="two results or two baselines side by side: better, worse, slower",
        description=_DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    compare.add_argument("first", metavar="A", type=Path, help="the earlier file, or the one of the main branch")
    compare.add_argument("second", metavar="B", type=Path, help="the later one")
    compare.add_argument("--markdown", action="store_true", help="for a pull request")
    compare.set_defaults(run=_compare)


def _compare(given: argparse.Namespace) -> int:
    """Prints the comparison; returns 1 where something is worse, else 0."""
    found = compare_files(given.first, given.second)
    print(as_markdown(found) if given.markdown else as_text(found), end="")
    return int(found.worse)
