"""On which line of a plan file something stands, which a parser of TOML does not tell."""

from __future__ import annotations

import re
from collections.abc import Sequence

# Texts over several lines and comments can hold anything; what is in them is nobody's header or key.
_OPAQUE = re.compile(r'"""(?:\\.|[^\\])*?"""+|\'\'\'.*?\'\'\'+|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|#[^\n]*', re.DOTALL)
_HEADER = re.compile(r"^[ \t]*\[(\[)?[ \t]*([^\[\]]+?)[ \t]*\]", re.MULTILINE)


def criterion_line(text: str, id: str, ids: Sequence[str], rollbacks: Sequence[str]) -> int:
    """The line of the criterion, counted from 1: of its `id` where it has one, else of what in the plan asks for it.

    `ids` and `rollbacks` are the ids and names in the order of the file.
    """
    if id in ids:
        return _nth(text, "criteria", ids.index(id), "id")
    kind, _, way = id.partition(":")
    if way in rollbacks:
        return _nth(text, "rollback", rollbacks.index(way), "name")
    places = {
        "applies": ("migrate", "steps"), "duration": ("migrate", "budget"), "idempotent": ("migrate", "rerun"),
        "only_declared_changes": ("changes", ""), "backup_age": ("backup", "max_age"),
    }  # fmt: skip
    section, key = places.get(kind, ("migrate", ""))
    return _nth(text, section, 0, key)


def problem_line(text: str, problem: str) -> int:
    """The line of a mistake in the plan, from its words behind the file's name: `migrate.steps[2].sql: there is no…`."""
    broken = re.search(r"is not TOML: .*\(at line (\d+)", problem)
    if broken is not None:
        return int(broken[1])
    named = re.match(r'criterion "([^"]*)"', problem)
    if named is not None:
        # The place in the list is not known of a plan with mistakes: the id itself is looked for.
        found = re.search(rf"^[ \t]*id[ \t]*=[ \t]*[\"']{re.escape(named[1])}[\"']", text, re.MULTILINE)
        return _line(text, found.start()) if found else _nth(text, "criteria", 0, "")
    place = re.match(r"(\w+)(?:\[(\d+)\])?(?:\.(\w+))?", problem.partition(":")[0])
    return 1 if place is None else _nth(text, place[1], int(place[2] or 1) - 1, place[3] or "")


def _nth(text: str, section: str, number: int, key: str) -> int:
    """The line of the key in the section's table of this number; of the table where the key is not in it; else 1."""
    plain = _OPAQUE.sub(_blank, text)
    headers = list(_HEADER.finditer(plain))
    found = [at for at, header in enumerate(headers) if header[2] == section]
    if number >= len(found):
        inline = re.search(rf"^[ \t]*{re.escape(section)}[ \t]*=", plain, re.MULTILINE)
        return _line(plain, inline.start()) if inline else 1
    header = headers[found[number]]
    end = headers[found[number] + 1].start() if found[number] + 1 < len(headers) else len(plain)
    inside = (
        re.compile(rf"^[ \t]*{re.escape(key)}[ \t]*=", re.MULTILINE).search(plain, header.end(), end) if key else None
    )
    return _line(plain, inside.start() if inside else header.start())


def _line(text: str, position: int) -> int:
    start = position + len(text[position:]) - len(text[position:].lstrip())
    return text.count("\n", 0, start) + 1


def _blank(found: re.Match[str]) -> str:
    """The same number of lines and characters, without content."""
    return re.sub(r"[^\n]", " ", found[0])
