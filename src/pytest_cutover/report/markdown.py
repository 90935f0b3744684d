"""Text as Markdown that shows it and does nothing else, on GitHub, on GitLab and in a plain viewer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from pytest_cutover.report import text

LONGEST = 300
"""So many characters of one text are shown."""

# As entities they can neither begin nor end anything: no emphasis, link, cell, tag, heading, formula, list.
_ACTIVE = re.compile(r"[\\`*\[\]<>#|~$&]|(?<!\w)_|_(?!\w)|(?<=www)\.|:(?=//)|^[-+=]")
_NUMBERED = re.compile(r"^(\d+)([.)])(?=\s|$)")
_MENTION = re.compile(r"@(?=\w)")


def prose(value: object, limit: int = LONGEST) -> str:
    """The value on one line, as ordinary text: no markup, no link, nobody mentioned."""
    shown = _ACTIVE.sub(_entity, text.shorten(text.one_line(value).strip(), limit))
    shown = _NUMBERED.sub(lambda found: f"{found[1]}&#{ord(found[2])};", shown)
    return _MENTION.sub("&#64;&#8203;", shown)


def code(value: object, limit: int = LONGEST) -> str:
    """The value on one line, in the type of code; empty for an empty value."""
    shown = text.shorten(text.one_line(value).strip(), limit)
    return f"<code>{_ACTIVE.sub(_entity, shown).replace('@', '&#64;')}</code>" if shown else ""


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a table; heads and cells are Markdown already."""
    return [_row(heads), _row(["---"] * len(heads)), *map(_row, rows)]


def block(value: object, limit: int = 4_000) -> list[str]:
    """The lines of a text as it stands, behind four blanks each."""
    lines = text.shorten(text.clean(value).replace("\t", "    "), limit).splitlines()
    return [f"    {line}" for line in lines]


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _entity(found: re.Match[str]) -> str:
    return f"&#{ord(found[0])};"
