"""What only a superuser may, so that the rehearsal goes through and production does not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from pytest_cutover.hazards.base import Hazard, Scene


class SuperuserOnly(Hazard):
    """It does what an ordinary owner of the database is refused, or gets other rows for."""

    ID: ClassVar[str] = "superuser-only"
    HURTS: ClassVar[str] = (
        "Without `role` the migration is rehearsed as the sandbox's superuser, and production's account is hardly ever one: there the "
        "statement is refused with half of the migration done, or row-level security hides rows from it that it did not hide here."
    )
    SAFER: ClassVar[str] = (
        "Say with `role` in [migrate] who migrates in production; where that account has more than an owner, make it in a prelude file, as "
        "production has it. What really takes a superuser belongs in a step of its own, ahead of the migration, run by who may."
    )
    BEFORE: ClassVar[str] = (
        "CREATE TABLE flights (id int PRIMARY KEY, callsign text);\nINSERT INTO flights VALUES (1, 'ab1');\n"
        "CREATE TABLE legs (id int PRIMARY KEY, flight int REFERENCES flights);\nINSERT INTO legs VALUES (1, 1);"
    )
    BAD: ClassVar[str] = "SET session_replication_role = replica;\nUPDATE legs SET id = id + 1;"
    GOOD: ClassVar[str] = (
        "ALTER TABLE legs DISABLE TRIGGER USER;\nUPDATE legs SET id = id + 1;\nALTER TABLE legs ENABLE TRIGGER USER;"
    )
    TRACED: ClassVar[bool] = False
    AS_OWNER: ClassVar[bool] = True

    @classmethod
    def find(cls, scene: Scene) -> Iterator[tuple[str, str, str]]:
        for each in scene.ordinary().found:
            yield each.object, each.message, each.table

    @classmethod
    def proof(cls, scene: Scene) -> str:
        return scene.ordinary().proof
