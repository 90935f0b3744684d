"""What a program printed: bounded, and without passwords or the rows in a server's messages."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable

_FIRST_LINES = 100
_LAST_LINES = 400
_LINE_LENGTH = 2000
_LONGEST_SECRET = 1000
_URL_PASSWORD = re.compile(r"(://[^/\s:@]*:)[^\s@]+(?=@)")
_ROW_VALUES = re.compile(r"\b(DETAIL|CONTEXT):.*")
_QUOTED_VALUE = re.compile(r'(\b(?:invalid input|value|out of range|date/time)\b.*?)(: |")".*"')
HIDDEN = "…"


class Output:
    """The first and the last lines of what is fed in, each cut to a readable length."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = [secret for secret in secrets if secret]
        self._first: list[str] = []
        self._last: deque[str] = deque(maxlen=_LAST_LINES)
        self._dropped = 0
        self._open = b""

    def feed(self, data: bytes) -> None:
        """Takes the next piece."""
        *lines, rest = (self._open + data).split(b"\n")
        for line in lines:
            self._keep(line)
        # A line without an end is no reason to hold all of it.
        self._open = rest[: _LINE_LENGTH * 4 + _LONGEST_SECRET]

    def close(self) -> None:
        """Takes what came after the last line's end."""
        if self._open:
            self._keep(self._open)
        self._open = b""

    @property
    def text(self) -> str:
        """The lines; what was left out between the first and the last is counted."""
        gap = [f"… {self._dropped:,} lines left out …"] if self._dropped else []
        return "\n".join([*self._first, *gap, *self._last])

    def tail(self, count: int) -> list[str]:
        """The last lines."""
        return [*self._first, *self._last][-count:]

    def _keep(self, line: bytes) -> None:
        shown = self._mask(line[: _LINE_LENGTH * 4 + _LONGEST_SECRET].decode(errors="replace").rstrip())
        shown = shown if len(shown) <= _LINE_LENGTH else shown[:_LINE_LENGTH] + HIDDEN
        if len(self._first) < _FIRST_LINES:
            self._first.append(shown)
            return
        self._dropped += len(self._last) == _LAST_LINES
        self._last.append(shown)

    def _mask(self, line: str) -> str:
        for secret in self._secrets:
            line = line.replace(secret, HIDDEN)
        line = _URL_PASSWORD.sub(rf"\1{HIDDEN}", line)
        line = _ROW_VALUES.sub(rf"\1: {HIDDEN}", line)
        return _QUOTED_VALUE.sub(rf"\1\2{HIDDEN}", line)
