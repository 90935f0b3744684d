"""Nothing changed but what the plan declares."""

from __future__ import annotations

from typing import ClassVar

from pytest_cutover.catalog import CatalogDiff, Difference, diff
from pytest_cutover.criteria.base import Example, Kind
from pytest_cutover.criteria.declaring import declarations
from pytest_cutover.database import Database
from pytest_cutover.finding import Evidence, Finding, exactly
from pytest_cutover.ledger import Ledger
from pytest_cutover.plan.model import Changes, Phase
from pytest_cutover.state import only_moved_forward, table_of

_SHORT = 200
"""A longer line stands in the evidence alone."""


class OnlyDeclaredChanges(Kind):
    """Every object and every row is as it was, but for what `[changes]` declares; and all that it declares happened."""

    KIND: ClassVar[str] = "only_declared_changes"
    GROUP: ClassVar[str] = "run"
    MEANINGFUL: ClassVar[tuple[Phase, ...]] = ("rehearsal", "after")
    IMPLICIT: ClassVar[bool] = True
    PROVES: ClassVar[str] = (
        "The catalog before and after differs in exactly the objects that the plan names, each added, dropped or altered "
        "as it says, and each table's rows balance: kept, changed in the declared columns, added, deleted. The steps "
        "changed no role of the server (`role:NAME`) but those named. "
        "After the migration of a live database, where a baseline was saved, the schema is compared with that of the "
        "baseline, and each table's row count with the one it may have; roles are not."
    )
    CANNOT: ClassVar[str] = (
        "Whether a declared change is the right one is for the plan's other criteria. Of the server's roles, which are "
        "not part of a database, LOGIN and passwords are left out; no rollback of a database gives roles back."
    )
    EXAMPLE: ClassVar[Example] = Example(
        criterion="",
        before="CREATE TABLE flights (id int PRIMARY KEY, callsign text);\nINSERT INTO flights VALUES (1, 'AB1'), (2, 'CD2');",
        passing="ALTER TABLE flights ADD COLUMN IF NOT EXISTS cid integer;\nUPDATE flights SET cid = 7;",
        failing="ALTER TABLE flights ADD COLUMN IF NOT EXISTS cid integer;\n"
        "UPDATE flights SET cid = 7, callsign = lower(callsign) WHERE id = 2;",
        message="flights",
        plan='changes.added = ["column:flights.cid"]',
    )

    changes: Changes = Changes()

    def check(self, before: Database, after: Database, ledger: Ledger) -> Finding:
        """Finds what changed without being declared, and what was declared and did not happen."""
        schema = diff(before.catalog, after.catalog)
        found = CatalogDiff((*schema.all, *(after.run.role_changes if after.run is not None else ())))
        undeclared = _undeclared(found, self.changes, before, after)
        missing = _missing(found, self.changes, after.live)
        rows = [text.rstrip(".") for text in ledger.violations]
        violations = [(each.object, _told(each)) for each in undeclared] + missing + [("rows", text) for text in rows]
        expected = "the declared changes and no other"
        if not violations:
            count = sum(not each.goes_with for each in found.all)
            return Finding(
                True, f"{count} differences of the schema, all declared; {_rows(after)}", expected=expected,
                actual=expected,
            )  # fmt: skip
        first = f"{violations[0][0]}: {violations[0][1]}" if violations[0][0] != "rows" else violations[0][1]
        more = f", and {len(violations) - 1} more" if len(violations) > 1 else ""
        evidence = [Evidence.of("Not as declared", ("object", "what"), violations), *ledger.evidence]
        # A live database has drifted: it is not the plan that is to be mended.
        lines = [] if after.live else declarations(undeclared, ledger, self.changes)
        if lines:
            others = f", and {len(lines) - 1} more" if len(lines) > 1 else ""
            more += f"; if it is meant: {lines[0]}{others}" if len(lines[0]) <= _SHORT else ""
            title = "If it is meant, this under [changes] declares it"
            evidence.insert(1, Evidence.of(title, ("line",), [(each,) for each in lines]))
        return Finding(
            False,
            f"{first}{more}",
            expected=expected,
            actual=", ".join(
                map(exactly, [*map(str, undeclared), *(f"{name} {text}" for name, text in missing), *rows])
            ),
            evidence=tuple(evidence),
        )


def _rows(after: Database) -> str:
    """What is known of the rows: of a live database their number alone."""
    return "the rows of every table number what they may" if after.live else "every row accounted for"


def _told(each: Difference) -> str:
    return f"{each.kind}, which the plan does not declare" + (f" ({each.detail})" if each.detail else "")


def _undeclared(found: CatalogDiff, changes: Changes, before: Database, after: Database) -> list[Difference]:
    declared = {
        *(("added", name) for name in changes.added),
        *(("dropped", name) for name in changes.dropped),
        *(("altered", name) for name in changes.altered),
    }
    named = {each.object: each for each in found.all}

    def is_declared(each: Difference | None) -> bool:
        """Whether the plan declares it, or what it goes with."""
        while each is not None and (each.kind, each.object) not in declared:
            each = named.get(each.goes_with)
        return each is not None

    return [
        each for each in found.all if not is_declared(each) and not _expected_position(each, changes, before, after)
    ]


def _expected_position(each: Difference, changes: Changes, before: Database, after: Database) -> bool:
    """True for a sequence that only moved forward and feeds a table that may get rows."""
    if not only_moved_forward(before.catalog, after.catalog, each.object):
        return False
    if after.live:
        return True  # whoever uses it moves it on
    table = table_of(after.catalog, each.object)
    rows = changes.rows.get(table) if table is not None else None
    return rows is not None and rows.added.maximum != 0


def _missing(found: CatalogDiff, changes: Changes, live: bool) -> list[tuple[str, str]]:
    happened = {
        "added": {each.object for each in found.all if each.kind == "added"},
        "dropped": {each.object for each in found.all if each.kind == "dropped"},
        "altered": {each.object for each in found.all if each.kind == "altered"},
    }
    return [
        (name, f"declared as {kind}, but it was not")
        for kind, names in (("added", changes.added), ("dropped", changes.dropped), ("altered", changes.altered))
        for name in names
        if name not in happened[kind] and not (live and name.startswith("role:"))
    ]
