"""Which messages of a step a result keeps: a migration may give one for each row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pytest_cutover.migrate.result import Notice
from pytest_cutover.report.text import shorten

KEPT = 100
_LONGEST = 2_000
_SAYS_LITTLE = ("NOTICE", "INFO", "LOG", "DEBUG")


def chosen(notices: Sequence[Notice]) -> list[Notice]:
    """At most KEPT of them, in their order, each cut where it is long: warnings rather than others."""
    by_weight = sorted(range(len(notices)), key=lambda number: notices[number].severity in _SAYS_LITTLE)
    return [
        replace(notices[number], message=shorten(notices[number].message, _LONGEST))
        for number in sorted(by_weight[:KEPT])
    ]
