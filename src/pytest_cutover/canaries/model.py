"""What the clients of a table met."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

INTERVAL_S = 0.02
"""Between two questions of one client: what is closed for less may go unnoticed, a longer time is right to it."""

Access = Literal["read", "write", "row"]


@dataclass(frozen=True)
class Wait:
    """What one client met, in seconds: its longest wait and when that began, counted from the first statement of all.

    Only time counts for which it was refused or waiting, not that for which it was late to ask: who uses the table waits at
    least as long. `at_most` is how long a row may have been closed for all that was seen, and `share` how much of the sample
    was closed at once at most: both are the row client's. `total` is the time of all waits longer than INTERVAL_S. `gone`
    says that the table was no longer there at the end, `missing` why nothing was measured where `tries` is 0.
    """

    table: str
    access: Access
    longest: float = 0.0
    at: float = 0.0
    total: float = 0.0
    tries: int = 0
    gone: bool = False
    at_most: float | None = None
    share: float | None = None
    missing: str = ""
