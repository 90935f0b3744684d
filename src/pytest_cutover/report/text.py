"""How values become text for a person: made harmless first, then put in words."""

from __future__ import annotations

import unicodedata
from datetime import datetime, timezone

from pytest_cutover.plan.values import format_duration


def clean(value: object, *, exact: bool = False) -> str:
    """The value as text without anything that acts on a screen: such characters become visible escapes.

    Control characters (but newline and tab), overrides of the writing direction, invisible characters and lone
    surrogates read `\\x1b`, `\\u202e` and so on. With `exact`, unusual blanks (no-break space) do as well, so that two
    values that look alike can be told apart.
    """
    text = value if isinstance(value, str) else _plain(value)
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or _harmless(char, exact) else escape_char(char) for char in text)


def one_line(value: object, *, exact: bool = False) -> str:
    """The text of `clean` on one line: newlines and tabs are escapes too."""
    return clean(value, exact=exact).replace("\n", "\\n").replace("\t", "\\t")


def shorten(value: str, limit: int) -> str:
    """The text, or its beginning and how long it is."""
    return value if len(value) <= limit else f"{value[:limit]}… ({len(value):,} characters)"


def escape_char(char: str) -> str:
    """The character as Python would spell it in a literal."""
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _harmless(char: str, exact: bool) -> bool:
    return char in "\n\t" or (not exact and unicodedata.category(char) == "Zs")


def _plain(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def duration(seconds: float | None) -> str:
    """The seconds in words, nothing for None."""
    return "" if seconds is None else format_duration(max(seconds, 0.0))


def count(number: float | None) -> str:
    """The number with its thousands apart, nothing for None."""
    return "" if number is None else f"{number:,}"


def some(number: int, one: str, many: str | None = None) -> str:
    """The number with its noun: `1 row`, `1,200 rows`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def size(number: float | None) -> str:
    """The bytes in the unit a person would choose (powers of ten), nothing for None."""
    if number is None:
        return ""
    amount = float(number)
    for unit in ("bytes", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:,.0f} {unit}" if unit == "bytes" or amount >= 100 else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:,.1f} TB"


def age(value: object) -> str:
    """How old something is in one unit, `5 hours`, from seconds; a text is taken as it is."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return one_line(value) if value else ""
    for unit, seconds in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if value >= 2 * seconds or (unit == "minute" and value >= seconds):
            return some(int(value // seconds), unit)
    return some(max(int(value), 0), "second")


def moment(value: object) -> str:
    """A point in time as `15 Jan 2026, 03:00 UTC`, from ISO 8601; what is none is given as it is."""
    if not value:
        return ""
    try:
        then = datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    except ValueError:
        return one_line(value)
    if then.tzinfo is None:
        return one_line(value)
    then = then.astimezone(timezone.utc)
    return f"{then.day} {_MONTHS[then.month - 1]} {then.year}, {then:%H:%M} UTC"


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
