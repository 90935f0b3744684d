"""Which messages of a step a result keeps."""

from __future__ import annotations

from pytest_cutover.migrate.result import Notice
from pytest_cutover.report.notices import KEPT, chosen


def test_a_few_messages_are_all_kept_as_they_are() -> None:
    notices = [Notice("NOTICE", "one", "01.sql", 1), Notice("WARNING", "two")]

    assert chosen(notices) == notices


def test_of_many_the_warnings_are_kept_and_the_order_stays() -> None:
    notices = [Notice("NOTICE", f"row {number}") for number in range(5_000)]
    notices[4_000] = Notice("WARNING", "there is no transaction in progress")

    kept = chosen(notices)

    assert kept == [*notices[: KEPT - 1], notices[4_000]]


def test_of_too_many_warnings_the_first_are_kept() -> None:
    notices = [Notice("NOTICE", "first"), *(Notice("WARNING", str(number)) for number in range(2 * KEPT))]

    assert [each.message for each in chosen(notices)] == [str(number) for number in range(KEPT)]


def test_a_long_message_is_cut_and_says_so() -> None:
    (kept,) = chosen([Notice("NOTICE", "x" * 1_000_000)])

    assert kept.message.endswith("… (1,000,000 characters)")
    assert len(kept.message) < 3_000
