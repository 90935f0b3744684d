"""What a server's log says of our sessions, and whether any of it is held against us."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import postgast

from pytest_cutover.live.limits import SNAPSHOT_S

OURS, DUMP = "pytest-cutover", "pytest-cutover backup"
"""The applications as a server knows them: every session of ours, and pg_dump."""

_OTHERS = ("", "[unknown]", "test", "holder")
"""The server's own processes, a session that has not begun, and the test's."""

LOGGING = {
    "log_statement": "all", "log_line_prefix": "<%p|%a|%x> ", "log_lock_waits": "on", "deadlock_timeout": "20ms",
    "autovacuum": "off",
}  # fmt: skip
"""What a server must be told so that its log can be read here."""

# PostgreSQL 17 can have each session say what it begins with.
SAY_LIMITS = """
CREATE FUNCTION public.say_limits() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
  RAISE LOG 'session begins:% % % % %', current_setting('default_transaction_read_only'),
    current_setting('statement_timeout'), current_setting('lock_timeout'),
    current_setting('idle_in_transaction_session_timeout'), current_setting('row_security');
END $$;
CREATE EVENT TRIGGER say_limits ON login EXECUTE FUNCTION public.say_limits();
ALTER EVENT TRIGGER say_limits ENABLE ALWAYS;
"""
"""SQL: from then on each session of the database says in the log which limits it begins with."""


@dataclass(frozen=True)
class Entry:
    """One entry of the server's log: process, application, the transaction's number (0: it has none), level, text."""

    process: int
    application: str
    transaction: int
    level: str
    text: str


@dataclass
class Witness:
    """The server's log since it was last asked, and what it holds against us."""

    log: Path
    position: int = 0

    def forget(self) -> None:
        """Looks at nothing that was logged until now."""
        self.position = self.log.stat().st_size

    def entries(self) -> list[Entry]:
        """What was logged since, of all sessions but the test's own."""
        text = self.log.read_bytes()[self.position :].decode()
        found = []
        for piece in re.split(r"^(?=<\d+\|)", text, flags=re.MULTILINE)[1:]:
            process, application, transaction, rest = re.fullmatch(
                r"<(\d+)\|(.*?)\|(\d+)> (.*)", piece, re.DOTALL
            ).groups()  # type: ignore[union-attr]
            level, _, words = rest.partition(":  ")
            if application not in _OTHERS:
                found.append(Entry(int(process), application, int(transaction), level, words.strip()))
        return found

    def complaints(self) -> list[str]:
        """Whatever a session of ours did that it must not do."""
        entries = self.entries()
        told = [f"transaction {each.transaction}: {each.text}" for each in entries if each.transaction]
        told += [f"{each.level}: {each.text}" for each in entries if "still waiting" in each.text]
        limited = {each.process: each.text for each in entries if each.text.startswith("session begins:")}
        for each in entries:
            statement = re.match(r"(?:statement|execute [^:]*): (.*)", each.text, re.DOTALL)
            if statement is None:
                continue
            wrong = _in_dump(statement[1]) if each.application == DUMP else _in_session(statement[1])
            if wrong:
                told.append(f"{wrong}: {statement[1]}")
            if each.process not in limited:
                told.append(f"no word of the limits: {statement[1]}")
        for process, text in limited.items():
            application = next(each.application for each in entries if each.process == process)
            read_only, *limits, row_security = text.partition(":")[2].split()
            if read_only != "on" or (application == OURS and ("0" in limits[:2] or row_security != "off")):
                told.append(f"{application} begins with {read_only} {' '.join(limits)} {row_security}")
        return told


def _in_session(statement: str) -> str:
    """What is wrong with a statement of ours; empty where it only reads and keeps the limits."""
    parsed = postgast.parse(statement)
    if len(parsed.stmts) != 1:
        return "several statements"
    node: Any = postgast.unwrap_node(parsed.stmts[0].stmt)
    kind = type(node).__name__
    if kind == "VariableSetStmt":
        within = re.fullmatch(r"SET LOCAL statement_timeout = (\d+)", statement)
        if within is not None and 0 < int(within[1]) <= SNAPSHOT_S * 1000:
            return ""
        return "" if statement == "SET LOCAL enable_seqscan = off" else "sets something else"
    if statement == "SELECT pg_catalog.set_config('search_path', $1, false)":
        # What a name without a schema means in our own session.
        return ""
    if re.search(r"set_config\([^()]*,\s*false\s*\)", statement):
        return "sets something for the whole session"
    writes = {type(each).__name__ for _, each in postgast.walk(parsed)} & {
        "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt", "IntoClause", "LockingClause", "CopyStmt",
    }  # fmt: skip
    return "" if kind in ("SelectStmt", "TransactionStmt", "ExplainStmt") and not writes else f"is a {kind} {writes}"


def _in_dump(statement: str) -> str:
    """What is wrong with a statement of pg_dump."""
    begins = (
        r"(BEGIN|COMMIT|SET |SELECT|EXECUTE|PREPARE|EXPLAIN|WITH |COPY .* TO stdout|LOCK TABLE .* IN ACCESS SHARE MODE)"
    )
    return "" if re.match(begins, statement.strip(), re.DOTALL) else "unexpected"
