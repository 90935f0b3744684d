"""What a database itself proved of the timestamps of a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Places = Mapping[tuple[Any, ...], tuple[Any, ...]]


@dataclass(frozen=True)
class Settled:
    """Of the `rows` of a table: how many timestamps are proved to be in UTC and as before, how many were in UTC before, how
    many values are left out and as before.

    `old` and `new` hold the values of the other rows by key: those that are still to be read, and in `old` those that are
    gone.
    """

    rows: int
    timestamps: int
    in_utc: int
    skipped: int
    old: Places
    new: Places
