"""The lines of `[changes]` that would declare what a migration did, ready to be copied."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from pytest_cutover.catalog import Difference
from pytest_cutover.ledger import Ledger
from pytest_cutover.plan.model import Changes, RowChanges

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def declarations(undeclared: Sequence[Difference], ledger: Ledger, changes: Changes) -> list[str]:
    """One line for each kind of change, and one for each table whose rows changed otherwise than declared.

    Each is the whole line: what the plan declares already, then what is missing.
    """
    known = {"added": changes.added, "dropped": changes.dropped, "altered": changes.altered}
    found: dict[str, list[str]] = {}
    named = {each.object for each in undeclared}
    for each in undeclared:
        if each.goes_with not in named:
            found.setdefault(each.kind, list(known[each.kind])).append(each.object)
    return [*(f"{kind} = {_toml(found[kind])}" for kind in known if kind in found), *_rows(ledger, changes)]


def _rows(ledger: Ledger, changes: Changes) -> Iterator[str]:
    for name, table in ledger.tables.items():
        allowed = changes.rows.get(name, RowChanges())
        columns = [column for column in table.columns if column not in allowed.changed]
        counts = {"added": (table.added, allowed.added), "deleted": (table.deleted, allowed.deleted)}
        if f"table:{name}" in changes.dropped and "deleted" not in allowed.model_fields_set:
            del counts["deleted"]  # a table takes its rows along
        if not columns and all(number in range_ for number, range_ in counts.values()):
            continue
        changed = [*allowed.changed, *columns]
        keys = [f"changed = {_toml(changed)}"] if changed else []
        for key, (number, range_) in counts.items():
            if number not in range_:
                keys.append(f"{key} = {number}")
            elif str(range_) != "0":
                keys.append(f"{key} = {_toml(str(range_))}")
        yield f"rows.{name if _BARE.fullmatch(name) else _toml(name)} = {{ {', '.join(keys)} }}"


def _toml(value: object) -> str:
    # TOML's strings and arrays of them are JSON's.
    return json.dumps(value, ensure_ascii=False)
