"""The versions of migrations and their order.

As Flyway's MigrationVersion: parts of digits between dots or underscores, compared as numbers, zeros at the end without
meaning, so that 1.2 = 1_2.0 and 2 < 10.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import total_ordering
from itertools import zip_longest

_VERSION = re.compile(r"\d+(?:[._]\d+)*")


@total_ordering
@dataclass(frozen=True, eq=False)
class Version:
    """A version as it is written in the history (underscores are dots there), and its parts as numbers."""

    text: str
    parts: tuple[int, ...]

    @classmethod
    def parse(cls, text: str) -> Version:
        """The version that a file's name or a setting means.

        Raises:
            ValueError: it is none.
        """
        if not _VERSION.fullmatch(text):
            raise ValueError(f'"{text}" is no version: write digits, with dots or underscores between them')
        dotted = text.replace("_", ".")
        return cls(dotted, tuple(int(part) for part in dotted.split(".")))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Version) and self._compared(other) == 0

    def __lt__(self, other: Version) -> bool:
        return self._compared(other) < 0

    def __hash__(self) -> int:
        parts = list(self.parts)
        while len(parts) > 1 and parts[-1] == 0:
            parts.pop()
        return hash(tuple(parts))

    def __str__(self) -> str:
        return self.text

    def _compared(self, other: Version) -> int:
        for mine, theirs in zip_longest(self.parts, other.parts, fillvalue=0):
            if mine != theirs:
                return -1 if mine < theirs else 1
        return 0
