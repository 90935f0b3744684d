"""What hurts a busy database while a migration runs, or after it: one class for each, found by what was traced and left.

A hazard is no failure: the same migration may be right on a small table at night. It is told with the table's size
beside the verdict, and counts in it where the plan says `hazards = "fail"`. Nothing here guesses: each is found by what the
server did or left, never by the words of a statement alone.
"""

from __future__ import annotations

from inspect import isabstract, isclass
from typing import get_origin

from pytest_cutover.errors import NotChecked, QueryError
from pytest_cutover.hazards import leftovers, rights, rows, sequences, statistics, waiting, work
from pytest_cutover.hazards.base import Found, Hazard, Hazards, Scene, find

HAZARDS: dict[str, type[Hazard]] = {
    hazard.ID: hazard
    for module in (work, waiting, leftovers, statistics, sequences, rows, rights)
    for hazard in vars(module).values()
    # Python 3.10 takes list[int] for a class.
    if get_origin(hazard) is None and isclass(hazard) and issubclass(hazard, Hazard) and not isabstract(hazard)
}
"""Every hazard by its id."""

__all__ = ["HAZARDS", "Found", "Hazard", "Hazards", "Scene", "find", "find_all"]


def find_all(scene: Scene) -> Hazards:
    """Every hazard that the migration has, as far as it can be told."""
    found: list[Found] = []
    unknown: dict[str, str] = {}
    proved: dict[str, str] = {}
    for name, hazard in HAZARDS.items():
        try:
            its = find(hazard, scene)
            found += its
            if not its and (proof := hazard.proof(scene)):
                proved[name] = proof
        except (NotChecked, QueryError) as reason:
            unknown[name] = str(reason)
    return Hazards(tuple(found), unknown, proved)
