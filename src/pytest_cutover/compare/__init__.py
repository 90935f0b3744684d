"""Two files of a kind side by side: two results, or two baselines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pytest_cutover.compare.baselines import compare_baselines
from pytest_cutover.compare.model import Comparison
from pytest_cutover.compare.results import compare_results
from pytest_cutover.errors import CutoverError

__all__ = ["Comparison", "compare_files"]

_RESULT, _BASELINE = "result of a run", "baseline"


def compare_files(first: Path, second: Path) -> Comparison:
    """What became of the first file's findings in the second one.

    Raises:
        CutoverError: a file is not there, is neither a result nor a baseline, or they are not of a kind.
    """
    (kind, one), (other_kind, other) = _read(first), _read(second)
    if kind != other_kind:
        raise CutoverError(f"{first} is the {kind}, and {second} the {other_kind}: compare two of a kind")
    names = (str(first), str(second))
    return compare_results(names, one, other) if kind == _RESULT else compare_baselines((first, second))


def _read(path: Path) -> tuple[str, dict[str, Any]]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CutoverError(f"{path}: there is no such file") from None
    except (OSError, ValueError, RecursionError) as error:
        raise CutoverError(f"{path}: cannot be read as JSON: {type(error).__name__}") from error
    if isinstance(content, dict) and "plans" in content and "verdict" in content:
        _check_result(path, content)
        return _RESULT, content
    if isinstance(content, dict) and "catalog" in content and "rows" in content:
        return _BASELINE, content
    raise CutoverError(f"{path}: is neither the result.json of a run nor a baseline of reports/baselines/")


def _check_result(path: Path, content: dict[str, Any]) -> None:
    if content.get("format") != 1:
        raise CutoverError(f"{path}: has format {str(content.get('format'))[:20]!r}; this version reads 1")
    plans = content["plans"]
    whole = isinstance(plans, list) and all(
        isinstance(plan, dict)
        and isinstance(plan.get("name"), str)
        and isinstance(plan.get("criteria"), list)
        and all(isinstance(each, dict) and isinstance(each.get("id"), str) for each in plan["criteria"])
        for plan in plans
    )
    if not whole:
        raise CutoverError(f"{path}: is damaged: a plan or a criterion has no name")
    if len({plan["name"] for plan in plans}) < len(plans):
        raise CutoverError(f"{path}: is damaged: two plans have one name")
