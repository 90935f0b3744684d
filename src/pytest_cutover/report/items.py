"""One criterion and one table of a result, read for people."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_cutover.report import text, words
from pytest_cutover.report.block import Block, read_block
from pytest_cutover.report.fields import Json, mapping, mappings, number, slug, string, whole

OUTCOMES = ("passed", "failed", "waived", "not_checked", "not_applicable")


@dataclass(frozen=True)
class CriterionView:
    """One criterion and what was found."""

    anchor: str
    id: str
    kind: str
    outcome: str
    phase: str
    before: str
    expected: str
    actual: str
    message: str
    why: str
    source: str
    nodeid: str
    reason: str
    held_before: bool | None
    seconds: float | None
    evidence: tuple[Block, ...]

    @property
    def group(self) -> str:
        """The heading it stands under."""
        return words.group_of(self.kind)

    @property
    def without(self) -> str:
        """Whether it would hold without the migration, in words; empty where that was not asked."""
        if self.held_before is None:
            return ""
        return f"would {'also' if self.held_before else 'not'} hold without the migration"

    @property
    def stops(self) -> bool:
        """True when it keeps the verdict from being GO."""
        return self.outcome in ("failed", "not_checked")


@dataclass(frozen=True)
class TableView:
    """How one table's rows changed. `kept` is None where it cannot be known."""

    name: str
    before: int | None
    after: int | None
    added: int | None
    deleted: int | None
    changed: int | None
    columns: tuple[tuple[str, int], ...]

    @property
    def kept(self) -> int | None:
        """Rows of before that are there unchanged."""
        if self.before is None or self.deleted is None or self.changed is None:
            return None
        return max(self.before - self.deleted - self.changed, 0)

    @property
    def touched(self) -> bool:
        """False only when it is known that nothing changed."""
        return self.added != 0 or self.deleted != 0 or self.changed != 0 or self.before != self.after


@dataclass(frozen=True)
class HazardView:
    """What hurts a busy database, on which object, and how large its table is."""

    id: str
    object: str
    message: str
    size: str
    bytes: int
    waived: bool


def read_criterion(data: Json, plan: str, anchors: set[str]) -> CriterionView:
    outcome = string(data, "outcome")
    known = outcome in OUTCOMES
    identifier = string(data, "id") or "unnamed"
    return CriterionView(
        _anchor(f"{plan}-{identifier}", anchors),
        identifier,
        string(data, "kind"),
        outcome if known else "not_checked",
        string(data, "phase"),
        string(data, "before"),
        string(data, "expected"),
        string(data, "actual"),
        string(data, "message"),
        string(data, "why"),
        string(data, "source"),
        string(data, "nodeid"),
        string(data, "reason") if known else "no outcome was recorded",
        data["held_before"] if isinstance(data.get("held_before"), bool) else None,
        number(data, "seconds"),
        tuple(read_block(one) for one in mappings(data, "evidence")),
    )


def read_table(name: str, data: Json) -> TableView:
    columns = mapping(data, "columns")
    before, after, added, deleted, changed = (
        whole(data, key) for key in ("before", "after", "added", "deleted", "changed")
    )
    counts = tuple((text.one_line(key), int(columns[key])) for key in columns if isinstance(columns[key], int))
    return TableView(text.one_line(name), before, after, added, deleted, changed, counts)


def _anchor(wanted: str, taken: set[str]) -> str:
    base = anchor = slug(wanted)
    follower = 2
    while anchor in taken:
        anchor = f"{base}-{follower}"
        follower += 1
    taken.add(anchor)
    return anchor


def read_hazard(data: Json) -> HazardView:
    """The hazard that the result tells of."""
    stored = whole(data, "bytes")
    size = "" if stored is None else f"{text.size(stored)}, {text.some(max(whole(data, 'rows') or 0, 0), 'row')}"
    return HazardView(
        string(data, "id"), string(data, "object"), string(data, "message"), size, stored or 0,
        data.get("waived") is True,
    )  # fmt: skip
