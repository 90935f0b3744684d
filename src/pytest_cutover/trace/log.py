"""A server's log, line by line: what was said when, by which session, in which of its transactions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from pytest_cutover.trace.triggers import MARK

_HEAD = re.compile(
    rb"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}) UTC \[(\d+)\] (?:(\d+)/(\d+))? (.*?) ?"
    rb"(DEBUG|LOG|INFO|NOTICE|WARNING|ERROR|FATAL|PANIC|STATEMENT|DETAIL|HINT|CONTEXT|QUERY|LOCATION):  (.*)",
    re.DOTALL,
)
_DURATION = re.compile(r"duration: (\d+\.\d+) ms  (?:(statement)|(parse|bind|execute)[^:]*): (.*)", re.DOTALL)
_LONGEST_TEXT = 20_000
_OF_INTEREST = ("LOG", "DEBUG", "NOTICE", "WARNING")


@dataclass(frozen=True)
class Line:
    """One message. `at` is in seconds since 1970, to the millisecond; `transaction` is 0 outside of one.

    A statement that ended has its `seconds` and its text; a trigger's message its `event`.
    """

    at: float
    pid: int
    backend: str
    transaction: int
    user: str
    severity: str
    text: str
    seconds: float | None = None
    event: dict[str, Any] | None = None

    @property
    def virtual(self) -> str:
        """The transaction as pg_locks names it."""
        return f"{self.backend}/{self.transaction}"


def read_log(raw: Iterable[bytes]) -> Iterator[Line]:
    """The messages that tell something of a session, in order; what parsing and binding took is left out."""
    for match, text in read_messages(raw):
        yield from _line(match, text)


def read_messages(raw: Iterable[bytes]) -> Iterator[tuple[re.Match[bytes], str]]:
    """Every message with what stands ahead of it: time, process, backend, transaction, user, severity."""
    head: bytes | None = None
    more: list[bytes] = []

    def message() -> Iterator[tuple[re.Match[bytes], str]]:
        if head is not None and (match := _HEAD.match(head)) is not None:
            yield match, (match[7] + b"".join(more)).decode(errors="replace").rstrip("\n")

    for each in raw:
        if each.startswith(b"\t"):
            # The server indents what follows the first line of a message.
            more.append(each[1:])
            continue
        yield from message()
        head, more = each, []
    yield from message()


def _line(match: re.Match[bytes], text: str) -> Iterator[Line]:
    if match[3] is None or (severity := match[6].decode()) not in _OF_INTEREST:
        return
    at = datetime.strptime(match[1].decode(), "%Y-%m-%d %H:%M:%S.%f").replace(tzinfo=timezone.utc).timestamp()
    seconds, event = None, None
    if text.startswith(MARK):
        event = json.loads(text.removeprefix(MARK))
        at = float(event["at"])
    elif duration := _DURATION.match(text):
        if duration[3] in ("parse", "bind"):
            return
        seconds, text = float(duration[1]) / 1000, duration[4][:_LONGEST_TEXT]
    elif severity == "LOG":
        return
    yield Line(at, int(match[2]), match[3].decode(), int(match[4]), match[5].decode(), severity, text, seconds, event)
