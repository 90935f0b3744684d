"""Traces what happens in one database between two moments."""

from __future__ import annotations

import re
import secrets
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from pytest_cutover.errors import NotChecked, describe_error
from pytest_cutover.names import format_name
from pytest_cutover.sandbox import Server
from pytest_cutover.target import Target
from pytest_cutover.trace import triggers
from pytest_cutover.trace.files import Files
from pytest_cutover.trace.log import Line, read_log
from pytest_cutover.trace.model import Relation, Trace
from pytest_cutover.trace.sampler import Sampler
from pytest_cutover.trace.sessions import Sessions
from pytest_cutover.trace.statements import CONTROL, DISTURBS, Statistics
from pytest_cutover.trace.unseen import unseen_locks

# The empty file of an index on out-of-line values is no row.
_SIZE = "CASE WHEN pg_catalog.pg_relation_size({0}) > 0 THEN pg_catalog.pg_table_size({0}) ELSE 0 END"
_RELATIONS = f"""
SELECT c.oid::bigint, n.nspname, c.relname, c.relkind::text,
       CASE c.relkind WHEN 'p' THEN (
           SELECT coalesce(sum({_SIZE.format("part.relid")}), 0)::bigint FROM pg_catalog.pg_partition_tree(c.oid) AS part
       ) ELSE {_SIZE.format("c.oid")} END, c.reltuples::bigint, i.indrelid::bigint
FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_index AS i ON i.indexrelid = c.oid
WHERE c.relkind IN ('r', 'p', 'm', 'i', 'I') AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
ORDER BY c.oid
"""
_SWITCHES = re.compile(r"\b(SET|set_config)\b.*\b(log_min_\w+|event_triggers)\b", re.IGNORECASE | re.DOTALL)
_LOG_TIMEOUT_S = 10.0
_GIVEN = (
    "the trace of a migration is read from its server's log, and the log of a server that was given is not ours to read: "
    "leave --sandbox out, or use --sandbox=docker"
)


_BLIND = (
    "the migration, or a setting of its role (ALTER ROLE … SET), changes what is logged or which event triggers fire, so that the "
    "trace does not see all of it: leave log_min_duration_statement, log_min_messages and event_triggers alone"
)


@dataclass
class Recording:
    """The trace once the run is over, or why there is none."""

    trace: Trace | None = None
    missing: str = "the migration was not traced"

    def had(self) -> Trace:
        """The trace. Raises NotChecked where there is none."""
        if self.trace is None:
            raise NotChecked(self.missing)
        return self.trace


@contextmanager
def record(server: Server, target: Target) -> Iterator[Recording]:
    """Within it, whatever is done in the target's database is traced; behind it, the database is as if it were not.

    Raises:
        SandboxError: the server does not take back what the trace needed.
    """
    recording = Recording()
    try:
        position = server.log_position()
        if position is None:
            recording.missing = _GIVEN
    except psycopg.Error as error:
        raise server.failure("did not answer", error) from error
    before: dict[int, Relation] = {}
    if position is not None:
        statistics = Statistics(server.maintenance, target.database)
        try:
            with target.connect() as connection:
                before = _relations(connection)
                files = Files(connection, before)
                triggers.install(connection, statistics.settings)
        except psycopg.Error as error:
            # An old version, or a database without PL/pgSQL; whether the server answers at all shows the migration.
            recording.missing = f"the database could not be readied for the trace: {describe_error(error)}"
            position = None
    if position is None:
        yield recording
        return
    try:
        sampler = Sampler(server.maintenance, target.database)
    except psycopg.Error as error:
        raise server.failure("could not be readied for the trace", error) from error
    opening, closing = secrets.token_hex(8), secrets.token_hex(8)
    failed = True
    try:
        _say(target, opening)
        yield recording
        failed = False
    finally:
        sampler.stop()
        try:
            _say(target, closing)
            with target.connect(settings={**triggers.QUIET, "lock_timeout": "2s"}) as connection:
                triggers.remove(connection, statistics.settings)
                replaced, copied = files.compare(connection)
        except psycopg.Error as error:
            # What ended the run says more than that the server is gone.
            if not failed:
                raise server.failure("could not end the trace", error) from error
    if sampler.error is not None:
        recording.missing = f"the session that watched the locks was ended: {sampler.error}"
        return
    lines = _between(server, position, opening, closing)
    if lines is None:
        recording.missing = "the server's log does not hold the migration"
        return
    if _is_blind(lines):
        recording.missing = _BLIND
        return
    transactions = Sessions(before).follow(lines)
    sampler.add_to(transactions, before)
    executed = statistics.read(target, disturbed=_disturbs_counting(lines))
    unseen = unseen_locks(executed, transactions, before, sampler.longest_gap)
    recording.trace = Trace(
        tuple(transactions), before, tuple(executed), statistics.missing, tuple(unseen), statistics.tells_schemas,
        replaced, copied,
    )  # fmt: skip


def _is_blind(lines: Iterable[Line]) -> bool:
    """True where the lines say that others of their sessions are missing."""
    extending: Counter[int] = Counter()
    for line in lines:
        if line.seconds is not None:
            del extending[line.pid]
            if _SWITCHES.search(line.text) is not None:
                return True
        elif line.event is not None:
            # The script of an extension runs with fewer messages, by the server's own doing.
            if not line.event["logged"] and not extending[line.pid]:
                return True
            if line.event["tag"] in ("CREATE EXTENSION", "ALTER EXTENSION"):
                # Such a script may itself say ALTER EXTENSION.
                extending[line.pid] += {"ddl_command_start": 1, "ddl_command_end": -1}.get(line.event["event"], 0)
    return False


def _disturbs_counting(lines: Iterable[Line]) -> bool:
    """True where the migration's statements say, or its DDL saw, that not all of them are counted."""
    return any(
        DISTURBS.search(line.text) is not None if line.event is None else not line.event["counted"]
        for line in lines if line.seconds is not None or line.event is not None
    )  # fmt: skip


def _relations(connection: psycopg.Connection) -> dict[int, Relation]:
    return {
        oid: Relation(oid, format_name(schema, name), kind, size or 0, rows, table)
        for oid, schema, name, kind, size, rows, table in connection.execute(_RELATIONS.encode())
    }


def _say(target: Target, word: str) -> None:
    """Leaves the word in the log, as any session of the migration leaves its statements there."""
    with target.connect() as connection:
        connection.execute((CONTROL % f"'{triggers.MARK} {word}'").encode())


def _between(server: Server, position: float, opening: str, closing: str) -> list[Line] | None:
    """The lines between the two words, None where one of them does not arrive in time."""
    deadline = time.monotonic() + _LOG_TIMEOUT_S
    while time.monotonic() < deadline:
        lines = list(read_log(server.log_lines(position)))
        places = {}
        for number, line in enumerate(lines):
            for word in (opening, closing):
                if line.seconds is not None and word in line.text:
                    places[word] = number
        if closing in places:
            # A log that begins later than the run is not all of it.
            return lines[places[opening] + 1 : places[closing]] if opening in places else None
        time.sleep(0.05)
    return None
