"""Which columns hold timestamps, in which forms, and the SQL that reads and converts them.

SQL does the work: a Python function called for each value would be several times slower and hold more memory.
"""

from __future__ import annotations

LOCAL_OFFSET = "+07:00"
"""The zone in which the application ran: a moment that it wrote without a zone is a local time there."""

COLUMNS: dict[str, tuple[str, ...]] = {
    "app_settings": ("updated_at",),
    "camera_zones": ("created_at",),
    "cameras": ("last_seen_at", "created_at", "updated_at"),
    "downloads": ("requested_at",),
    "event_notes": ("created_at",),
    "events": ("packed_at", "created_at", "updated_at"),
    "licenses": ("issued_at", "expires_at"),
    "notifications": ("quiet_until", "sent_at"),
    "packing_profiles": ("created_at", "updated_at"),
    "packing_stations": ("created_at",),
    "processing_jobs": ("started_at", "finished_at"),
    "schema_versions": ("applied_at",),
    "sessions": ("issued_at", "expires_at"),
    "shipments": ("handed_over_at",),
    "sync_accounts": ("connected_at", "next_run"),
    "sync_runs": ("started_at", "finished_at"),
    "system_events": ("logged_at",),
    "users": ("last_login_at", "created_at"),
    "video_files": ("recorded_from", "created_at"),
    "work_schedules": ("created_at",),
}
"""The timestamps, by name. Guessing them from the values would also convert a file's name or a line of text."""

TEXTS: frozenset[str] = frozenset({
    "app_settings.value", "cameras.overlay_text", "event_notes.body", "system_events.message",
})  # fmt: skip
"""Columns whose text may look like a timestamp and is none."""

FORMS = {
    "database": "YYYY-MM-DD HH:MM:SS, as CURRENT_TIMESTAMP writes it: UTC",
    "application": "YYYY-MM-DDTHH:MM:SS, perhaps with a fraction, without a zone: local time",
    "offset": "YYYY-MM-DDTHH:MM:SS+HH:MM, perhaps with a fraction",
    "utc": "already ISO 8601 at UTC, ending in Z or +00:00",
    "other": "HH:MM or UTC+N, which is no timestamp",
    "unreadable": "anything else: left as it is, and reported",
}
CONVERTED = ("database", "application", "offset")

_DIGIT = "[0-9]"
_DATE = f"{_DIGIT * 4}-{_DIGIT * 2}-{_DIGIT * 2}"
_CLOCK = f"{_DIGIT * 2}:{_DIGIT * 2}:{_DIGIT * 2}"
_ISO = "%Y-%m-%dT%H:%M:%S"


def quote(name: str) -> str:
    """The name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def _exists(value: str) -> str:
    # Without a modifier, SQLite takes 30 February as it stands.
    return f"substr({value}, 12, 8) < '24' AND substr({value}, 1, 10) = date(substr({value}, 1, 19), '+0 days')"


def _fraction(text: str) -> str:
    """True where the text is empty, or a point and digits."""
    return f"({text} = '' OR ({text} GLOB '.{_DIGIT}*' AND substr({text}, 2) NOT GLOB '*[^0-9]*'))"


def form(value: str) -> str:
    """SQL: which of FORMS the value has. NULL for NULL."""
    rest = f"substr({value}, 20)"
    before_offset = f"substr({value}, 20, length({value}) - 25)"
    return f"""CASE
        WHEN {value} IS NULL THEN NULL
        WHEN typeof({value}) <> 'text' THEN 'unreadable'
        WHEN {value} GLOB '{_DATE} {_CLOCK}' AND {_exists(value)} THEN 'database'
        WHEN {value} GLOB '{_DATE}T{_CLOCK}*' AND {_exists(value)} THEN CASE
            WHEN {_fraction(rest)} THEN 'application'
            WHEN {value} GLOB '*Z' AND {_fraction(f"substr({value}, 20, length({value}) - 20)")} THEN 'utc'
            WHEN {value} GLOB '*[+-]{_DIGIT * 2}:{_DIGIT * 2}' AND {_fraction(before_offset)} THEN CASE
                WHEN {value} GLOB '*+00:00' THEN 'utc'
                WHEN strftime('%s', {value}) IS NOT NULL THEN 'offset'
                ELSE 'unreadable' END
            ELSE 'unreadable' END
        WHEN {value} GLOB '{_DIGIT * 2}:{_DIGIT * 2}' AND time({value}) IS NOT NULL THEN 'other'
        WHEN {value} GLOB 'UTC[+-]{_DIGIT}' OR {value} GLOB 'UTC[+-]{_DIGIT * 2}' THEN 'other'
        ELSE 'unreadable' END"""


def converted(value: str) -> str:
    """SQL: the value in ISO 8601 at UTC with the digits of its fraction; what is not converted, as it is."""
    second = f"substr({value}, 1, 19)"
    opposite = f"CASE substr({value}, -6, 1) WHEN '+' THEN '-' ELSE '+' END || substr({value}, -5)"
    return f"""CASE {form(value)}
        WHEN 'database' THEN substr({value}, 1, 10) || 'T' || substr({value}, 12) || 'Z'
        WHEN 'application' THEN strftime('{_ISO}', {second}, '{opposite_of(LOCAL_OFFSET)}') || substr({value}, 20) || 'Z'
        WHEN 'offset' THEN
            strftime('{_ISO}', {second}, {opposite}) || substr({value}, 20, length({value}) - 25) || 'Z'
        ELSE {value} END"""


def opposite_of(offset: str) -> str:
    """The offset with the other sign: what to add to a local time to get UTC."""
    return ("-" if offset[0] == "+" else "+") + offset[1:]


def same_instant(before: str, after: str) -> str:
    """SQL: true where `after` is strict UTC and the same instant as `before`, by SQLite's own count of seconds.

    This does not repeat the conversion: it reads both texts anew and compares the seconds and the digits of the fraction.
    """
    seconds = 60 * (60 * int(LOCAL_OFFSET[1:3]) + int(LOCAL_OFFSET[4:6])) * (1 if LOCAL_OFFSET[0] == "+" else -1)
    fraction = f"""CASE {form(before)} WHEN 'offset' THEN substr({before}, 20, length({before}) - 25)
        ELSE substr({before}, 20) END"""
    began = f"""CASE {form(before)} WHEN 'offset' THEN strftime('%s', substr({before}, 1, 19) || substr({before}, -6))
        WHEN 'application' THEN strftime('%s', substr({before}, 1, 19)) - ({seconds})
        ELSE strftime('%s', {before}) END"""
    return f"""CASE WHEN {form(before)} IN ('database', 'application', 'offset') THEN
        {form(after)} IS 'utc'
        AND {after} IS substr({after}, 1, 19) || {fraction} || 'Z'
        AND strftime('%s', substr({after}, 1, 19)) + 0 IS {began} + 0
        ELSE {after} IS {before} END"""
