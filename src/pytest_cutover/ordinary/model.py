"""What came of the migration when an ordinary owner of the database ran it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Refusal:
    """A statement that was refused for want of a privilege: its place, its first words, the server's message.

    The place is `FILE:LINE`; of a program, its name and the statement.
    """

    place: str
    statement: str
    message: str


@dataclass(frozen=True)
class Refused:
    """What only a superuser gets: the object or place that it is named by, one sentence, and the table that it is about."""

    object: str
    message: str
    table: str = ""


@dataclass(frozen=True)
class Ordinary:
    """All that an ordinary owner does not get, and how it is known that it is all.

    `uncompared` are tables of whose rows no two runs agree.
    """

    found: tuple[Refused, ...] = ()
    uncompared: tuple[str, ...] = ()
    ran_as: str = ""
    """The account of the migration, where it is an ordinary one itself."""

    @property
    def proof(self) -> str:
        """How it is known, in words."""
        if self.ran_as:
            return f"the migration ran as {self.ran_as}, which is no superuser"
        told = "the migration ran once more as an ordinary role that owns the database, and left the same"
        if self.uncompared:
            told += f"; not compared, since no two runs agree on their rows: {', '.join(self.uncompared)}"
        return told
