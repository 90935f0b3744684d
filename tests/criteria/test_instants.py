"""What a text means as a point in time: nothing is guessed, and nothing impossible is read."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from pytest_cutover.criteria.instants import Form, Instant, Reader, Zone, matcher, read_utc


def _at(*parts: int, fraction: str = "") -> Instant:
    return Instant(int(datetime(*parts, tzinfo=timezone.utc).timestamp()), fraction)  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-01-01T00:00:00Z", _at(2026, 1, 1)),
        ("2026-01-01T00:00:00+00:00", _at(2026, 1, 1)),
        ("2024-02-29T23:59:59.120Z", _at(2024, 2, 29, 23, 59, 59, fraction="12")),
        ("1969-12-31T23:59:59.000000001Z", _at(1969, 12, 31, 23, 59, 59, fraction="000000001")),
    ],
)
def test_utc_is_read(text: str, instant: Instant) -> None:
    """Both endings mean UTC; every digit of the fraction counts, closing zeros do not."""
    assert read_utc(text) == instant


@pytest.mark.parametrize(
    "text",
    [
        "fooZ", "2025-02-30T00:00:00Z", "2026-01-01 00:00:00Z", "2026-01-01T00:00Z", "2026-01-01T24:00:00Z",
        "2026-01-01T23:59:60Z", "2026-01-01T00:00:00z", "2026-01-01T00:00:00", "2026-01-01T00:00:00-00:00",
        "2026-01-01T00:00:00+07:00", "2026-01-01T00:00:00.Z", " 2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z\n",
        "٢٠٢٦-01-01T00:00:00Z", "2026-13-01T00:00:00Z", "0000-01-01T00:00:00Z", "2026-01-01T00:00:00.5+00:00Z", "",
    ],
)  # fmt: skip
def test_what_is_not_utc_is_not_read(text: str) -> None:
    """A suffix is no proof, and a day that is not in the calendar is no day."""
    assert read_utc(text) is None


def test_one_zone_holds_for_every_form() -> None:
    """A text that names its own zone is read in that."""
    reader = Reader("+07:00")

    assert reader.read("2026-01-01 07:00:00") == _at(2026, 1, 1)
    assert reader.read("2026-01-01T07:00:00.5") == _at(2026, 1, 1, fraction="5")
    assert reader.read("2026-01-01T07:00:00.5Z") == _at(2026, 1, 1, 7, fraction="5")
    assert reader.read("2026-01-01 07:00:00+02:00") == _at(2026, 1, 1, 5)
    assert reader.read("01/02/2026 07:00:00") is None


def test_each_form_may_have_its_zone() -> None:
    """The same table holds what the database wrote in UTC and what the application wrote in its own zone."""
    reader = Reader({"YYYY-MM-DD HH:MM:SS": "UTC", "YYYY-MM-DDTHH:MM:SS": "+07:00", "DD/MM/YYYY": "UTC"})

    assert reader.read("2026-01-01 07:00:00") == _at(2026, 1, 1, 7)
    assert reader.read("2026-01-01T07:00:00.25") == _at(2026, 1, 1, fraction="25")
    assert reader.read("2026-01-01T07:00:00+00:00") == _at(2026, 1, 1, 7)
    assert reader.read("03/02/2026") == _at(2026, 2, 3)
    assert reader.read("2026-01-01 07:00") is None


def test_a_local_time_that_the_clock_skips_or_repeats_has_no_instant() -> None:
    """Nobody can say which of the two it was."""
    zone = Zone("Europe/Berlin")

    assert zone.seconds(datetime(2026, 7, 1, 12)) == _at(2026, 7, 1, 10).seconds
    assert zone.seconds(datetime(2026, 3, 29, 2, 30)) is None
    assert zone.seconds(datetime(2026, 10, 25, 2, 30)) is None


@pytest.mark.parametrize("text", ["Mars/Olympus", "+25:00", "7", "", "../etc/passwd"])
def test_what_is_no_zone_is_refused(text: str) -> None:
    """The message says what is one."""
    with pytest.raises(ValueError, match="is no zone; write"):
        Zone(text)


def test_a_form_needs_a_date_and_each_part_once() -> None:
    """A form without a date would give no instant."""
    with pytest.raises(ValueError, match="spells no date"):
        Form.parse("HH:MM")
    with pytest.raises(ValueError, match="the year twice"):
        Form.parse("YYYY-MM-DD YYYY")


def test_patterns_of_what_is_left_out() -> None:
    """Digits stand where the pattern has them; every other character is itself."""
    pattern = matcher(["HH:MM", "UTC+7"])

    assert pattern is not None
    assert [bool(pattern.fullmatch(text)) for text in ("08:30", "UTC+7", "8:30", "UTC-7", "08:30:00")] == [
        True, True, False, False, False,
    ]  # fmt: skip
    assert matcher([]) is None
