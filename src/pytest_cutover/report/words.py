"""The words that the page and the terminal share for verdicts, outcomes, stages and kinds."""

from __future__ import annotations

GO = "GO"
NO_GO = "NO-GO"
INCOMPLETE = "INCOMPLETE"
NONE = "NO VERDICT"

ENGINES = {"postgresql": "PostgreSQL", "sqlite": "SQLite"}

OUTCOMES = {
    "failed": "failed",
    "not_checked": "not checked",
    "waived": "waived",
    "passed": "passed",
    "not_applicable": "not applicable",
    "ok": "ok",
    "not_run": "not run",
}
"""Every outcome of a criterion, stage, step or rollback, in print; the criteria's in the order of a reader's worry."""

_GROUPS = {
    "Run": "applies duration idempotent interrupted restores_baseline only_declared_changes backup_age hazards schema_as_rehearsed "
    "preflight health",
    "Schema": "object_count objects present absent column constraint index rls",
    "Data": "row_count not_null unique where references accepted query queries",
    "Time": "utc",
    "Behaviour": "accepts rejects visible",
    "Queries": "uses_index query_time",
    "Locks": "locks",
    "History": "flyway_history",
    "Live": "http connections no_blockers",
}
OWN = "Own checks"
GROUPS = (*_GROUPS, OWN)

_GROUP_OF = {kind: group for group, kinds in _GROUPS.items() for kind in kinds.split()}


def group_of(kind: str) -> str:
    """The heading that a criterion kind stands under; a kind of the team's own is an own check."""
    return _GROUP_OF.get(kind, OWN)


EVIDENCE = {"none": "nothing", "keys": "only their keys", "rows": "keys and values"}
"""What a plan's `[report] evidence` lets the reports show of rows."""
