"""Where a database is, and how to reach it without ever showing the password."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import quote

import psycopg
from psycopg.conninfo import make_conninfo


@dataclass(frozen=True)
class Target:
    """One database of one server. The password is left out of `repr` and of every message."""

    host: str
    port: int
    database: str
    user: str
    password: str = field(repr=False)

    def named(self, database: str) -> Target:
        """The same server and account, another database."""
        return replace(self, database=database)

    @property
    def url(self) -> str:
        """A libpq URL that holds the password: only for a child's environment, never for output."""
        account = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}"
        return f"postgresql://{account}@{self.host}:{self.port}/{quote(self.database, safe='')}"

    @property
    def shown(self) -> str:
        """The address for people, without the password."""
        return f"postgresql://{self.user}@{self.host}:{self.port}/{self.database}"

    def libpq_environment(self, base: Mapping[str, str]) -> dict[str, str]:
        """`base` without any PG* variable of its own, plus those that lead a libpq program to this database."""
        kept = {name: value for name, value in base.items() if not name.startswith("PG")}
        return kept | {
            "PGHOST": self.host,
            "PGPORT": str(self.port),
            "PGDATABASE": self.database,
            "PGUSER": self.user,
            "PGPASSWORD": self.password,
            "PGCLIENTENCODING": "UTF8",
            "PGCONNECT_TIMEOUT": "30",
        }

    def connect(self, *, read_only: bool = False, autocommit: bool = True, pinned: bool = True) -> psycopg.Connection:
        """A new connection; `pinned` fixes the session settings on which the text of values depends.

        Raises:
            psycopg.OperationalError: the server cannot be reached.
        """
        settings = "-c application_name=pytest-cutover"
        if pinned:
            settings += (
                " -c TimeZone=UTC -c DateStyle=ISO,YMD -c IntervalStyle=postgres -c bytea_output=hex"
                " -c extra_float_digits=1"
            )
        if read_only:
            settings += " -c default_transaction_read_only=on"
        conninfo = make_conninfo(
            host=self.host, port=self.port, dbname=self.database, user=self.user, password=self.password,
            options=settings, client_encoding="UTF8", connect_timeout=30, passfile="/dev/null", sslmode="disable",
        )  # fmt: skip
        return psycopg.connect(conninfo, autocommit=autocommit)
