"""What the programs that restore say: warnings, or an error with its cause and the way out."""

from __future__ import annotations

import re

from pytest_cutover.errors import BackupError
from pytest_cutover.sandbox.server import Server

_MISSING_ROLE = re.compile(r'role "((?:[^"]|"")+)" does not exist')
_MISSING_EXTENSION = re.compile(r'extension "([^"]+)" is not available')
_IMAGES = {
    "postgis": "postgis/postgis", "timescaledb": "timescale/timescaledb", "vector": "pgvector/pgvector",
    "supabase_vault": "supabase/postgres", "pg_graphql": "supabase/postgres", "pgsodium": "supabase/postgres",
    "pg_cron": "supabase/postgres", "pg_net": "supabase/postgres",
}  # fmt: skip


class MissingRoleError(Exception):
    """A role that the backup takes for granted does not exist."""

    def __init__(self, role: str) -> None:
        self.role = role


def judge(status: int, complaints: str, what: str, server: Server) -> tuple[str, ...]:
    """The warnings among the messages.

    Raises:
        BackupError: there is an error among them, or the program failed without one.
    """
    lines = [line for line in complaints.splitlines() if line.strip()]
    errors = [line for line in lines if re.search(r"\b(ERROR|FATAL|PANIC|error)\b: ", line)]
    if status == 0 and not errors:
        return tuple(line for line in lines if "WARNING" in line or "warning:" in line)
    text = "\n".join(_without_values(errors or lines[-5:])[:8]) or f"the program ended with status {status}"
    missing = _MISSING_ROLE.search(complaints)
    if missing:
        raise MissingRoleError(missing[1].replace('""', '"'))
    if "No space left on device" in complaints or "the database system is in recovery" in complaints:
        raise server.failure(f"could not restore {what}", BackupError(text))
    if "server closed the connection" in complaints or "terminating connection" in complaints:
        raise server.failure(f"ended while restoring {what}", BackupError(text))
    extension = _MISSING_EXTENSION.search(complaints)
    remedy = "Look at the first error; a backup is only accepted if all of it arrives."
    if re.search(r'relation "[^"]+" does not exist', complaints):
        remedy = "Was it taken with --data-only, or of some tables alone? Take it of the whole database."
    if re.search(r'schema "auth" does not exist|function auth\.', complaints):
        remedy = 'Does it come from Supabase? Give it what it expects to exist: backup.prelude = ["supabase"].'
    if "is not present in table" in complaints:
        remedy = (
            "Its rows refer to rows that it does not hold. Take it again of the whole database; or, where they are in a"
            " schema left out on purpose (auth.users, say), fill that table with a prelude file behind the ready-made one."
        )
    if 'unrecognized parameter "pg_attver"' in complaints:
        remedy = (
            "It was taken by a pg_dump that is older than its server: the minor releases of November 2026 keep a counter of their own "
            "among a column's options, and an older pg_dump writes it down. Take it again with the pg_dump of the server's own release."
        )
    if "encoding" in complaints:
        remedy = "Was the file recoded on its way? Take it again with `pg_dump --file=NAME`, and copy it as binary."
    if extension:
        image = _IMAGES.get(extension[1])
        where = f"the image {image} has it" if image else "install it on the server that the rehearsal uses"
        remedy = f"The extension {extension[1]} is not available on this server; {where}."
    raise BackupError(f"Restoring {what} failed:\n    " + text.replace("\n", "\n    ") + f"\n{remedy}")


def _without_values(lines: list[str]) -> list[str]:
    return [re.sub(r'((?:invalid input|out of range|violates)[^:]*): ".*', r"\1: …", line) for line in lines]
