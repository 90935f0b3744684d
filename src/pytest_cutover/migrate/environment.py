"""The environment of a command: ours, without anything that could lead it to another database than the sandbox."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

_NOWHERE = "/nonexistent/pytest-cutover"
_SETTINGS = {
    # libpq would read these from the home folder and from the system's own.
    "PGPASSFILE": f"{_NOWHERE}/pgpass",
    "PGSERVICEFILE": f"{_NOWHERE}/pg_service.conf",
    "PGSYSCONFDIR": _NOWHERE,
    # Output is kept line by line as it comes, and a run leaves no compiled files among the team's.
    "PYTHONUNBUFFERED": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
}
_ADDRESS_NAME = re.compile(
    r"^PG|DATABASE|POSTGRES|PSQL|SUPABASE|MYSQL|MARIADB|SQLITE|MONGO|REDIS|COCKROACH|CLICKHOUSE|ORACLE|MSSQL|SQLSERVER"
    r"|^(FLYWAY|LIQUIBASE|JDBC|ODBC|TNS|SQLALCHEMY|ALEMBIC|PRISMA|DOCKER|KUBE)|(^|_)DB(_|$)|DSN$|URL$|URI$",
    re.IGNORECASE,
)
_ADDRESS_VALUE = re.compile(
    r"^\s*(jdbc:|(postgres|postgresql|mysql|mariadb|sqlite\d?|mongodb|redis|rediss|cockroachdb|oracle|mssql|sqlserver)"
    r"(\+\w+)*:)|://[^/\s@]*@",
    re.IGNORECASE,
)
_CONNINFO_KEYS = {"host", "hostaddr", "dbname", "service", "passfile"}
_SECRET_NAME = re.compile(r"PASSW|PASSPHRASE|SECRET|TOKEN|CREDENTIAL|PRIVATE|API_?KEY|ACCESS_?KEY", re.IGNORECASE)
_SHORTEST_SECRET = 6
_HOME_FILES = (".pgpass", ".pg_service.conf", ".my.cnf", ".mylogin.cnf", ".netrc")


def command_environment(base: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """`base` without what looks like the address of a database, and then what the plan gives.

    The folder of this Python is first on the PATH, so that a virtual environment's programs are found without being
    activated.
    """
    kept = {name: value for name, value in base.items() if not looks_like_address(name, value)}
    kept["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), base.get("PATH", os.defpath)])
    return kept | _SETTINGS | dict(given)


def looks_like_address(name: str, value: str) -> bool:
    """True for a variable that could lead to a database, by its name or by its value."""
    if _ADDRESS_NAME.search(name) or _ADDRESS_VALUE.search(value):
        return True
    if "=" not in value:
        return False
    try:
        found = conninfo_to_dict(value)
    except psycopg.Error:
        return False
    return bool(_CONNINFO_KEYS & found.keys())


def secrets_of(base: Mapping[str, str]) -> list[str]:
    """Values of the environment that must not be printed, longest first."""
    found = {
        value for name, value in base.items() if _SECRET_NAME.search(name) and len(value.strip()) >= _SHORTEST_SECRET
    }
    return longest_first(found)


def longest_first(words: Iterable[str]) -> list[str]:
    """The words in an order in which none is hidden by a part of it."""
    return sorted(set(words), key=lambda word: (-len(word), word))


def password_files(home: str | None) -> list[str]:
    """Files of the home folder that know databases and their passwords."""
    return [str(Path(home) / name) for name in _HOME_FILES] if home else []
