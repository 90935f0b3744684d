"""How much a live run may ask of a server."""

from __future__ import annotations

CRITERION_S = 5.0
"""A criterion without a `budget` may take this long."""
SNAPSHOT_S = 60.0
"""A snapshot is held no longer, so that vacuum is not held back."""
CATALOG_S = 30.0
"""Reading the whole catalog may take this long."""
RANGE_BYTES = 64 * 1024 * 1024
"""A larger table than the limit is read by ranges of about this much."""
PAUSES = 4
"""After each range there is a pause so many times as long as reading it took, but not longer than `PAUSE_S`."""
PAUSE_S = 2.0
CONNECT_S = 10
LOCK_S = 1


def settings(statement_s: float = CRITERION_S) -> dict[str, str]:
    """The settings that every session on a live PostgreSQL server begins with."""
    return {
        "default_transaction_read_only": "on",
        "statement_timeout": f"{int(statement_s * 1000)}ms",
        "lock_timeout": f"{LOCK_S}s",
        "idle_in_transaction_session_timeout": f"{int(SNAPSHOT_S)}s",
        # What the role may not see must be an error, not fewer rows.
        "row_security": "off",
    }
