"""Text is made harmless and put in the words of a person."""

from __future__ import annotations

import sys
import unicodedata

import pytest

from pytest_cutover.criteria.base import KINDS
from pytest_cutover.report import text, words


def test_ordinary_text_stays_as_it_is() -> None:
    assert text.clean("Größe, 数, مرحبا\n\ttab") == "Größe, 数, مرحبا\n\ttab"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("\x1b[2J", "\\x1b[2J"),
        ("a\x00b", "a\\x00b"),
        ("\u202eevil", "\\u202eevil"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("\udc80", "\\udc80"),
        ("\x9b31m", "\\x9b31m"),
        ("line\u2028break\r", "line\\u2028break\\x0d"),
        ("\U000e0041", "\\U000e0041"),
        (None, "NULL"),
        (True, "true"),
        (12.5, "12.5"),
    ],
)
def test_what_acts_on_a_screen_becomes_visible(value: object, shown: str) -> None:
    assert text.clean(value) == shown


def test_no_control_or_format_character_gets_through() -> None:
    left = [
        char
        for char in map(chr, range(sys.maxunicode + 1))
        if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")
        and char not in "\n\t"
        and char in text.clean(char)
    ]

    assert left == []


def test_blanks_that_look_alike_are_told_apart_in_evidence_only() -> None:
    assert text.clean("QFA\xa012", exact=True) == "QFA\\xa012"
    assert text.clean("10\xa0000") == "10\xa0000"


def test_one_line_has_no_line_end() -> None:
    assert text.one_line("GO\nall\tis well") == "GO\\nall\\tis well"


def test_a_long_value_is_cut_and_says_how_long_it_was() -> None:
    assert text.shorten("x" * 5000, 10) == "xxxxxxxxxx… (5,000 characters)"
    assert text.shorten("short", 10) == "short"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (18720, "5 hours"), (7 * 86400, "7 days"), (90, "1 minute"), (3, "3 seconds"), ("5 h 12 min", "5 h 12 min"),
        (None, ""), (-5, "0 seconds"), (86400, "24 hours"),
    ],
)  # fmt: skip
def test_an_age_is_told_in_one_unit(seconds: object, shown: str) -> None:
    assert text.age(seconds) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("2026-01-15T03:00:00Z", "15 Jan 2026, 03:00 UTC"), ("2026-01-15T03:00:00+07:00", "14 Jan 2026, 20:00 UTC"),
        ("2026-01-15T03:00:00", "2026-01-15T03:00:00"), ("yesterday", "yesterday"), (None, ""),
    ],
)  # fmt: skip
def test_a_moment_is_told_in_utc(value: object, shown: str) -> None:
    assert text.moment(value) == shown


@pytest.mark.parametrize(
    ("number", "shown"), [(0, "0 bytes"), (999, "999 bytes"), (4123456, "4.1 MB"), (2.5e11, "250 GB"), (None, "")]
)
def test_a_size_is_told_in_powers_of_ten(number: float | None, shown: str) -> None:
    assert text.size(number) == shown


def test_the_groups_are_those_of_the_kinds() -> None:
    import pytest_cutover.criteria  # noqa: F401

    assert {kind: words.group_of(kind) for kind in KINDS} == {
        name: kind.GROUP.capitalize() for name, kind in KINDS.items()
    }
