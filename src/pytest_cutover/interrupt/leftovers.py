"""What to say of a state that is not as it should be."""

from __future__ import annotations

from pytest_cutover.catalog import Catalog
from pytest_cutover.state import StateDifferences


def told(found: StateDifferences, over: str) -> str:
    """The first difference, how many there are beside it, and what is left over."""
    listed = found.listed
    return listed[0] + (f", and {len(listed) - 1} more" if len(listed) > 1 else "") + over


def left_over(found: Catalog, baseline: Catalog, undisturbed: Catalog) -> str:
    """What only a cut leaves: what is not valid, and tables that neither the baseline nor the migrated database has."""
    names = _unfinished(found) - _unfinished(undisturbed)
    tables = found.tables.keys() - baseline.tables.keys() - undisturbed.tables.keys()
    names |= {f"the leftover table {name}" for name in tables}
    return f"; it leaves {', '.join(sorted(names))}" if names else ""


def _unfinished(catalog: Catalog) -> set[str]:
    invalid = {f"the invalid index {name}" for name, each in catalog.indexes.items() if not each.valid}
    return invalid | {
        f"the constraint {name}, NOT VALID" for name, each in catalog.constraints.items() if not each.validated
    }
