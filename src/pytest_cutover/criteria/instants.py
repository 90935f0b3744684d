"""Timestamps as texts: the forms they are written in, the zone that a form without one is in, the instant they mean."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

_EPOCH = datetime(1970, 1, 1)

# As ISO 8601 has it: a T, seconds, any fraction, and nothing that int() or a calendar would forgive.
_UTC = re.compile(
    r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})T(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
    r"(?:\.(?P<fraction>[0-9]+))?(?P<zone>Z|\+00:00)"
)
_USUAL = re.compile(
    r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})[T ](?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})"
    r"(?::(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]+))?)?(?P<zone> ?(?:Z|UTC|[+-][0-9]{2}(?::?[0-9]{2})?))?"
)
_OFFSET = re.compile(r"([+-])([0-9]{2})(?::?([0-9]{2}))?")
_PLAIN = ("YYYY-MM-DD HH:MM:SS", "YYYY-MM-DDTHH:MM:SS")
_WORDS = re.compile(r"YYYY|MM|DD|HH|SS")


class Instant(NamedTuple):
    """A point in time: whole seconds since 1970 in UTC, and the digits of the fraction without closing zeros."""

    seconds: int
    fraction: str


@dataclass(frozen=True)
class Form:
    """A form of a timestamp, as `YYYY-MM-DD HH:MM:SS`. A fraction of the second may always follow the seconds."""

    text: str
    pattern: re.Pattern[str]

    @classmethod
    def parse(cls, text: str) -> Form:
        """The form that the text spells: YYYY, MM, DD, HH, MM, SS, and every other character as it is.

        Raises:
            ValueError: it has no full date, or a part twice.
        """
        pattern = _pattern(text, named=True)
        if not {"year", "month", "day"} <= set(re.compile(pattern).groupindex):
            raise ValueError(f'"{text}" spells no date; write a form as YYYY-MM-DD HH:MM:SS')
        return cls(text, re.compile(pattern))


class Zone:
    """A zone that texts without one are read in: `UTC`, an offset as `+07:00`, or a name as `Asia/Bangkok`."""

    def __init__(self, text: str) -> None:
        """Raises ValueError where there is no such zone."""
        self.text = text
        self.info: tzinfo
        offset = _OFFSET.fullmatch(text)
        if text in ("UTC", "Z"):
            self.info = timezone.utc
        elif offset is not None and int(offset[2]) < 24 and int(offset[3] or 0) < 60:
            self.info = timezone(_offset(offset))
        else:
            try:
                self.info = ZoneInfo(text)
            except (OSError, ValueError, KeyError) as error:
                raise ValueError(
                    f'"{text}" is no zone; write "UTC", an offset as "+07:00", or a name of the tz database'
                ) from error

    @property
    def fixed(self) -> str | None:
        """The offset as +07:00 where it is always the same."""
        if not isinstance(self.info, timezone):
            return None
        minutes = self.info.utcoffset(None) // timedelta(minutes=1)
        return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"

    def seconds(self, local: datetime) -> int | None:
        """The seconds since 1970 at this local time, None where the zone's clock skips it or shows it twice."""
        first, second = (local.replace(tzinfo=self.info, fold=fold).utcoffset() for fold in (0, 1))
        if first is None or first != second:
            return None
        return _seconds(local - first)


class Reader:
    """Reads the texts of a baseline: each in the zone that it names, or that its form has."""

    def __init__(self, source: str | Mapping[str, str]) -> None:
        """Raises ValueError where a zone or a form is none."""
        self._forms: list[tuple[Form, Zone]] = []
        self._zone: Zone | None = None
        if isinstance(source, str):
            self._zone = Zone(source)
        else:
            self._forms = [(Form.parse(form), Zone(zone)) for form, zone in source.items()]
        self.read = lru_cache(maxsize=65536)(self._read)

    def offsets(self) -> dict[str, str] | None:
        """The offset of texts without a zone, by what stands between date and time; None where that does not say all.

        It does not where a zone changes its clock, or where there are other forms than the two of ISO 8601.
        """
        if self._zone is not None:
            found = {" ": self._zone.fixed, "T": self._zone.fixed}
        else:
            found = {form.text[10:11]: zone.fixed for form, zone in self._forms if form.text in _PLAIN}
            if len(found) < len(self._forms):
                return None
        fixed = {between: offset for between, offset in found.items() if offset is not None}
        return fixed if len(fixed) == len(found) else None

    def _read(self, text: str) -> Instant | None:
        """The instant that the text means, None where it means none for sure."""
        usual = _USUAL.fullmatch(text)
        if usual is not None and usual["zone"]:
            offset = _OFFSET.fullmatch(usual["zone"].strip())
            shift = timedelta(0) if offset is None else _offset(offset)
            local = _local(usual)
            return None if local is None else Instant(_seconds(local - shift), _fraction(usual))
        if self._zone is not None:
            return None if usual is None else _instant(usual, self._zone)
        matches = [(match, zone) for form, zone in self._forms if (match := form.pattern.fullmatch(text)) is not None]
        return _instant(*matches[0]) if len(matches) == 1 else None


def read_utc(text: str) -> Instant | None:
    """The instant of a text that is ISO 8601 in UTC, None for any other text."""
    match = _UTC.fullmatch(text)
    local = None if match is None else _local(match)
    if match is None or local is None:
        return None
    return Instant(_seconds(local), _fraction(match))


def may_be_long(pattern: str) -> bool:
    """True where a text of the pattern may be as long as a date with a time."""
    return len(pattern) >= len(_PLAIN[0]) or "SS" in pattern


def matcher(patterns: Sequence[str]) -> re.Pattern[str] | None:
    """What recognises texts of these patterns, as `HH:MM` or `UTC+7`; None where there are none."""
    if not patterns:
        return None
    return re.compile("|".join(f"(?:{_pattern(each, named=False)})" for each in patterns))


def _pattern(text: str, named: bool) -> str:
    """The regular expression of a form; MM behind HH are minutes."""
    pattern, place, seen = "", 0, set[str]()
    for match in _WORDS.finditer(text):
        name = {"YYYY": "year", "DD": "day", "HH": "hour", "SS": "second"}.get(match[0])
        name = name or ("minute" if "hour" in seen else "month")
        if name in seen and named:
            raise ValueError(f'"{text}" has the {name} twice')
        seen.add(name)
        digits = "[0-9]{4}" if name == "year" else "[0-9]{2}"
        pattern += re.escape(text[place : match.start()]) + (f"(?P<{name}>{digits})" if named else digits)
        if name == "second":
            pattern += r"(?:\.(?P<fraction>[0-9]+))?" if named else r"(?:\.[0-9]+)?"
        place = match.end()
    return pattern + re.escape(text[place:])


def _local(match: re.Match[str]) -> datetime | None:
    """The calendar date and time of the match, None where there is no such."""
    found = {
        name: int(value) for name, value in match.groupdict().items() if name not in ("fraction", "zone") and value
    }
    try:
        return datetime(**found)  # type: ignore[arg-type]
    except ValueError:
        return None


def _instant(match: re.Match[str], zone: Zone) -> Instant | None:
    local = _local(match)
    seconds = None if local is None else zone.seconds(local)
    return None if seconds is None else Instant(seconds, _fraction(match))


def _fraction(match: re.Match[str]) -> str:
    return (match.groupdict().get("fraction") or "").rstrip("0")


def _offset(match: re.Match[str]) -> timedelta:
    amount = timedelta(hours=int(match[2]), minutes=int(match[3] or 0))
    return -amount if match[1] == "-" else amount


def _seconds(local: datetime) -> int:
    return (local - _EPOCH) // timedelta(seconds=1)
