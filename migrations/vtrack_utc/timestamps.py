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


def quote(name: str) -> str:
    """The name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def _readable(value: str) -> str:
    """SQL: true where the first 19 characters are a date and a time that exist, and SQLite can read what follows.

    Without the modifier, SQLite takes 30 February as it stands. Before the year 1, an offset leads to a year below 0.
    """
    return (
        f"datetime(substr({value}, 1, 19), '+0 days') = substr({value}, 1, 10) || ' ' || substr({value}, 12, 8)"
        f" AND julianday({value}) IS NOT NULL AND {value} > '0001'"
    )


def _digit(value: str, place: int) -> str:
    return f"substr({value}, {place}, 1) BETWEEN '0' AND '9'"


def _by_form(value: str, database: str, application: str, offset: str, utc: str, otherwise: str) -> str:
    """SQL: what belongs to the form of the value; `otherwise` where it is no timestamp in any of them.

    SQLite itself reads what follows the seconds (`julianday`), but for blanks, which it would accept before the end.
    """
    readable = _readable(value)
    return f"""CASE
            WHEN typeof({value}) <> 'text' THEN {otherwise}
            WHEN substr({value}, 11, 1) = ' ' THEN CASE datetime({value}, '+0 days') WHEN {value} THEN {database} ELSE {otherwise} END
            WHEN substr({value}, 11, 1) <> 'T' THEN {otherwise}
            WHEN substr({value}, -1) = 'Z' THEN {utc}
            WHEN substr({value}, -6) = '+00:00' THEN {utc}
            WHEN substr({value}, -6, 1) IN ('+', '-') THEN CASE
                WHEN {_digit(value, -7)} AND {readable} THEN {offset} ELSE {otherwise} END
            WHEN {_digit(value, -1)} AND {readable} THEN {application}
            ELSE {otherwise} END"""


def form(value: str) -> str:
    """SQL: which of FORMS the value has. NULL for NULL."""
    utc = (
        f"CASE WHEN {_readable(value)} AND CASE substr({value}, -1) WHEN 'Z' THEN {_digit(value, -2)} ELSE {_digit(value, -7)} END"
        " THEN 'utc' ELSE 'unreadable' END"
    )
    other = f"""CASE
            WHEN {value} IS NULL THEN NULL
            WHEN {value} GLOB '{_DIGIT * 2}:{_DIGIT * 2}' AND time({value}) IS NOT NULL THEN 'other'
            WHEN {value} GLOB 'UTC[+-]{_DIGIT}' OR {value} GLOB 'UTC[+-]{_DIGIT * 2}' THEN 'other'
            ELSE 'unreadable' END"""
    return _by_form(value, "'database'", "'application'", "'offset'", utc, other)


def converted(value: str) -> str:
    """SQL: the value in ISO 8601 at UTC with the digits of its fraction; what is not converted, as it is."""

    def moved(by: str, fraction: str) -> str:
        return f"replace(datetime(substr({value}, 1, 19), {by}), ' ', 'T') || {fraction} || 'Z'"

    database = f"replace({value}, ' ', 'T') || 'Z'"
    application = moved(f"'{_opposite(LOCAL_OFFSET)}'", f"substr({value}, 20)")
    sign = f"CASE substr({value}, -6, 1) WHEN '+' THEN '-' ELSE '+' END"
    offset = moved(f"{sign} || substr({value}, -5)", f"substr({value}, 20, length({value}) - 25)")
    return _by_form(value, database, application, offset, value, value)


def same_instant(before: str, after: str) -> str:
    """SQL: true where `after` is strict UTC and the instant of `before`; a value that was not to change did not.

    This goes the other way round than the conversion: the offset, put on again, has to give the old text to the letter.
    """

    def clock(value: str) -> str:
        return f"substr({value}, 1, 10) || ' ' || substr({value}, 12, 8)"

    def gives_back(offset: str, fraction: str) -> str:
        return f"datetime(substr({after}, 1, 19), {offset}) IS {clock(before)} AND substr({after}, 20) IS {fraction} || 'Z'"

    strict = (
        f"datetime(substr({after}, 1, 19), '+0 days') IS {clock(after)} AND substr({after}, 11, 1) IS 'T'"
        f" AND julianday({after}) IS NOT NULL AND {_digit(after, -2)} AND substr({before}, 11, 1) IS 'T'"
    )
    return f"""CASE
        WHEN {after} IS {before} THEN CASE
            WHEN {before} IS NULL OR substr({before}, -1) = 'Z' OR substr({before}, -6) = '+00:00' THEN 1
            ELSE {form(before)} NOT IN ('{"', '".join(CONVERTED)}') END
        WHEN typeof({before}) <> 'text' THEN 0
        WHEN substr({before}, 11, 1) = ' ' THEN
            datetime({before}, '+0 days') IS {before} AND {after} IS substr({before}, 1, 10) || 'T' || substr({before}, 12) || 'Z'
        WHEN substr({before}, -6, 1) IN ('+', '-') THEN
            {strict} AND {gives_back(f"substr({before}, -6)", f"substr({before}, 20, length({before}) - 25)")}
        ELSE {strict} AND {gives_back(f"'{LOCAL_OFFSET}'", f"substr({before}, 20)")} END"""


def _opposite(offset: str) -> str:
    """The offset with the other sign: what to add to a local time to get UTC."""
    return ("-" if offset[0] == "+" else "+") + offset[1:]
