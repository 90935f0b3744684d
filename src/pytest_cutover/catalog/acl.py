"""Who may do what: access lists as the catalog spells them, read into single privileges."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from pytest_cutover.errors import CutoverError

PUBLIC = "public"
"""The grantee that means everybody. No role can have this name."""

_PRIVILEGES = {
    "r": "SELECT", "a": "INSERT", "w": "UPDATE", "d": "DELETE", "D": "TRUNCATE", "x": "REFERENCES", "t": "TRIGGER",
    "m": "MAINTAIN", "X": "EXECUTE", "U": "USAGE", "C": "CREATE", "c": "CONNECT", "T": "TEMPORARY", "s": "SET",
    "A": "ALTER SYSTEM",
}  # fmt: skip


class Grant(NamedTuple):
    """One privilege of one grantee on one object."""

    grantee: str
    privilege: str
    grantable: bool
    grantor: str


Acl = tuple[Grant, ...]
"""All privileges on one object, in a fixed order. A list that the catalog leaves at its default is written out."""


def parse_acl(items: list[str] | None) -> Acl:
    """The privileges that the items of an `aclitem[]` hold, as in `bob=r*w/alice`.

    Raises:
        CutoverError: an item holds a privilege that is not known here, or cannot be read.
    """
    return _parse_items(tuple(items)) if items else ()


@lru_cache(maxsize=4096)
def _parse_items(items: tuple[str, ...]) -> Acl:
    return tuple(sorted(grant for item in items for grant in _parse_item(item)))


def _parse_item(item: str) -> list[Grant]:
    grantee, rest = _take_role(item)
    privileges, slash, tail = rest[1:].partition("/")
    grantor, end = _take_role(tail)
    if not rest.startswith("=") or not slash or end:
        raise CutoverError(f"the server reports a privilege that cannot be read: {item!r}")
    grants: list[Grant] = []
    for code in privileges:
        if code == "*" and grants:
            grants[-1] = grants[-1]._replace(grantable=True)
        elif code in _PRIVILEGES:
            grants.append(Grant(grantee or PUBLIC, _PRIVILEGES[code], False, grantor))
        else:
            raise CutoverError(f"the server reports an unknown privilege {code!r} in {item!r}")
    return grants


def _take_role(text: str) -> tuple[str, str]:
    """The role's name at the start of the text, without its quotes, and what follows it."""
    if not text.startswith('"'):
        end = min((text.index(stop) for stop in "=/" if stop in text), default=len(text))
        return text[:end], text[end:]
    name = ""
    position = 1
    while position < len(text):
        quote = text.find('"', position)
        if quote < 0:
            break
        name += text[position:quote]
        if not text.startswith('""', quote):
            return name, text[quote + 1 :]
        name += '"'
        position = quote + 2
    raise CutoverError(f"the server reports a privilege that cannot be read: {text!r}")
