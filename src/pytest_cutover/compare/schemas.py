"""How the schemas of two files differ, in the words of the catalog's own comparison."""

from __future__ import annotations

from typing import Any

from pytest_cutover.catalog import Catalog, diff
from pytest_cutover.compare.model import Change, Sort
from pytest_cutover.errors import CutoverError

_WORDS = {"dropped": "only in A", "added": "only in B", "altered": "differs"}


def schema_changes(first: Catalog, second: Catalog, sort: Sort) -> list[Change]:
    """Every object that only one has, or that is not the same; comparable across server versions.

    Raises:
        CutoverError: an object is not what a catalog holds.
    """
    try:
        found = diff(first, second, sequences=False)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CutoverError(f"a saved catalog is damaged: {type(error).__name__}") from error
    return [
        Change(sort, each.object, _WORDS[each.kind] + (f": {each.detail}" if each.kind == "altered" else ""))
        for each in (*found.dropped, *found.added, *found.altered)
    ]


def result_schemas(first: Any, second: Any) -> list[Change]:
    """The same for what two rehearsals kept of their databases, before and after the migration; nothing of live runs."""
    if not isinstance(first, dict) or not isinstance(second, dict):
        return []
    told: list[Change] = []
    for when in ("before", "after"):
        try:
            one, other = (Catalog.from_json(each[when]) for each in (first, second))
            found = schema_changes(one, other, "different")
        except (KeyError, TypeError, AttributeError, CutoverError):
            told.append(Change("different", f"schema {when}", "cannot be compared: a saved catalog cannot be read"))
            continue
        known = {(each.subject, each.text) for each in told}
        # What was so before the migration is so behind it, and need not be said twice.
        told += [each for each in found if (each.subject, each.text) not in known]
    return told
