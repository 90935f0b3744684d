"""A comparison as text for a terminal, and as Markdown for a pull request."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_cutover.compare.model import SORTS, Comparison, Part
from pytest_cutover.report import text
from pytest_cutover.report.markdown import code, prose

SHOWN = 40
"""So many differences of one sort are shown of each plan."""
_LONGEST = 300
_LETTERS = ("A", "B")


def as_text(comparison: Comparison) -> str:
    """The comparison for a terminal; no line holds a character that acts on the screen."""
    lines = [
        f"{letter}  {text.one_line(side.path)}  {' · '.join(map(text.one_line, side.facts))}"
        for letter, side in zip(_LETTERS, comparison.sides)
    ]
    lines += [text.one_line(comparison.remark)] if comparison.remark else []
    for part in comparison.parts:
        lines += ["", text.one_line(part.name) or "all plans", *_part(part)]
    return "\n".join([*lines, "", tally(comparison), ""])


def _part(part: Part) -> Iterator[str]:
    if not part.changes:
        yield f"  no difference: {text.one_line(part.same)}"
    for sort in SORTS:
        found = part.of(sort)
        for change in found[:SHOWN]:
            subject, told = (text.shorten(text.one_line(each), _LONGEST) for each in (change.subject, change.text))
            yield f"  {sort:<10}{subject}: {told}"
        if len(found) > SHOWN:
            yield f"  {sort:<10}and {len(found) - SHOWN:,} more"


def as_markdown(comparison: Comparison) -> str:
    """The comparison for a pull request; what came from a database or a plan is shown, and is never markup."""
    lines = [f"## {tally(comparison)}", ""]
    lines += [
        f"* {letter}: {code(side.path)} {prose(' · '.join(side.facts))}"
        for letter, side in zip(_LETTERS, comparison.sides)
    ]
    lines += ["", prose(comparison.remark)] if comparison.remark else []
    for part in comparison.parts:
        lines += ["", f"### {prose(part.name) or 'All plans'}"]
        lines += [] if part.changes else ["", f"No difference: {prose(part.same)}"]
        for sort in SORTS:
            found = part.of(sort)
            lines += ["", f"**{sort}**", ""] if found else []
            lines += [f"* {code(change.subject)}: {prose(change.text)}" for change in found[:SHOWN]]
            lines += [f"* and {len(found) - SHOWN:,} more"] if len(found) > SHOWN else []
    return "\n".join([*lines, ""])


def tally(comparison: Comparison) -> str:
    """What it comes to, in a line: the word that counts first, then how many of each sort."""
    counts = [f"{comparison.count(sort):,} {sort}" for sort in SORTS if comparison.count(sort)]
    head = "B is worse" if comparison.worse else "B is better" if comparison.count("better") else "B is not worse"
    return f"{head}: {', '.join(counts)}" if counts else "No difference"
