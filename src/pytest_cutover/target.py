"""Where a database is, and how to reach it without ever showing the password."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator, Mapping
from configparser import ConfigParser
from configparser import Error as ConfigParserError
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import psycopg
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from pytest_cutover.errors import TargetError

_OWN_FIELDS = ("host", "port", "dbname", "user", "password")
_DISPOSABLE = {"sslmode": "disable", "passfile": "/dev/null"}
"""A disposable server has no TLS, and no file of passwords knows it."""

_PINNED = {
    "TimeZone": "UTC", "DateStyle": "ISO,YMD", "IntervalStyle": "postgres", "bytea_output": "hex",
    "extra_float_digits": "1",
}  # fmt: skip
_LIBPQ_SETTINGS = ("PGTZ", "PGDATESTYLE", "PGGEQO")
"""Settings that libpq sends to the server in a way that outweighs those of `options`."""
_environment = threading.Lock()


@dataclass(frozen=True)
class Target:
    """One database of one server. The password is left out of `repr` and of every message.

    `parameters` are further libpq connection parameters, such as `sslmode`.
    """

    host: str
    port: int
    database: str
    user: str
    password: str = field(repr=False)
    parameters: Mapping[str, str] = field(default_factory=lambda: _DISPOSABLE, repr=False, hash=False)

    @classmethod
    def parse(cls, address: str) -> Target:
        """The target that a URL or a libpq connection string means; what it leaves out is as libpq has it.

        Raises:
            TargetError: it is neither, or names several servers; the message holds no password.
        """
        # Drivers' spellings are accepted, as a URL is often copied from an application's settings.
        address = re.sub(r"^postgres(?:ql)?(?:\+\w+)?://", "postgresql://", address.strip())
        try:
            given = {name: str(value) for name, value in conninfo_to_dict(address).items() if value is not None}
        except psycopg.ProgrammingError:
            raise TargetError(
                "The address of the database is not a PostgreSQL URL: write postgresql://USER:PASSWORD@HOST:PORT/DATABASE."
            ) from None
        service = given.pop("service", "") or os.environ.get("PGSERVICE", "")
        if service:
            given = _service(service) | given
        for option in pq.Conninfo.get_defaults():
            if option.val is not None and option.keyword != b"service":
                given.setdefault(option.keyword.decode(), option.val.decode())
        host, port, database, user, password = (given.pop(name, "") for name in _OWN_FIELDS)
        if "," in host or "," in port:
            raise TargetError("The address names several servers: name one.")
        # What libpq has compiled in need not be said again, and an empty setting says nothing.
        defaults = {option.keyword.decode(): option.compiled for option in pq.Conninfo.get_defaults()}
        further = {
            name: value for name, value in given.items() if value and value.encode() != (defaults.get(name) or b"")
        }
        return cls(host or "localhost", int(port or 5432), database or user, user, password, further)

    def named(self, database: str) -> Target:
        """The same server and account, another database."""
        return replace(self, database=database)

    @property
    def url(self) -> str:
        """A libpq URL that holds the password: only for a child's environment, never for output."""
        account = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}"
        further = {name: value for name, value in self.parameters.items() if self.parameters is not _DISPOSABLE}
        host, database = self.host, quote(self.database, safe="")
        if host.startswith("/"):
            further, host = {"host": host} | further, ""
        elif ":" in host:
            host = f"[{host}]"
        return f"postgresql://{account}@{host}:{self.port}/{database}" + (f"?{urlencode(further)}" if further else "")

    @property
    def places(self) -> dict[str, str]:
        """What a command step's environment may hold of it."""
        return {
            "url": self.url, "host": self.host, "port": str(self.port), "database": self.database,
            "user": self.user, "password": self.password, "path": "",
        }  # fmt: skip

    @property
    def shown(self) -> str:
        """The address for people, without the password."""
        return f"postgresql://{self.user}@{self.host}:{self.port}/{self.database}"

    def libpq_environment(self, base: Mapping[str, str]) -> dict[str, str]:
        """`base` without any PG* variable of its own, plus those that lead a libpq program to this database."""
        kept = {name: value for name, value in base.items() if not name.startswith("PG")}
        variables = {option.keyword.decode(): option.envvar for option in pq.Conninfo.get_defaults()}
        for name, value in self.parameters.items():
            variable = variables.get(name)
            if variable:
                kept[variable.decode()] = value
        return kept | {
            "PGHOST": self.host,
            "PGPORT": str(self.port),
            "PGDATABASE": self.database,
            "PGUSER": self.user,
            "PGPASSWORD": self.password,
            "PGCLIENTENCODING": "UTF8",
            "PGCONNECT_TIMEOUT": "30",
        }

    def connect(
        self,
        *,
        read_only: bool = False,
        autocommit: bool = True,
        pinned: bool = True,
        name: str = "pytest-cutover",
        timeout_s: int = 30,
        settings: Mapping[str, str] | None = None,
    ) -> psycopg.Connection:
        """A new connection; `pinned` fixes the session settings on which the text of values depends.

        `settings` hold from the session's first statement on; their values have no blanks.

        Raises:
            psycopg.OperationalError: the server cannot be reached.
        """
        given = dict(_PINNED) if pinned else {}
        if read_only:
            given["default_transaction_read_only"] = "on"
        options = [self.parameters.get("options", "")]
        options += [f"-c {name}={value}" for name, value in (given | dict(settings or {})).items()]
        wanted: dict[str, Any] = {
            **self.parameters, "host": self.host, "port": self.port, "dbname": self.database, "user": self.user,
            "password": self.password or None, "options": " ".join(options).strip(), "application_name": name,
            "client_encoding": "UTF8", "connect_timeout": timeout_s,
        }  # fmt: skip
        with _without_libpq_settings():
            return psycopg.connect(make_conninfo(**wanted), autocommit=autocommit)


@contextmanager
def _without_libpq_settings() -> Iterator[None]:
    """Within it the environment has no setting for a session, so that none reads a time otherwise than another does."""
    if not any(name in os.environ for name in _LIBPQ_SETTINGS):
        yield
        return
    with _environment:
        taken = {name: os.environ.pop(name) for name in _LIBPQ_SETTINGS if name in os.environ}
        try:
            yield
        finally:
            os.environ.update(taken)


def _service(name: str) -> dict[str, str]:
    """What libpq's service file says of the service.

    libpq would read it itself, but takes what a connection names explicitly, as its host, for the better word.

    Raises:
        TargetError: no file knows it.
    """
    own = os.environ.get("PGSERVICEFILE") or str(Path.home() / ".pg_service.conf")
    files = [own] + [str(Path(folder) / "pg_service.conf") for folder in [os.environ.get("PGSYSCONFDIR")] if folder]
    for file in files:
        parser = ConfigParser(interpolation=None, delimiters=("=",), comment_prefixes=("#",), strict=False)
        try:
            parser.read(file, encoding="utf-8")
        except (ConfigParserError, OSError, ValueError):
            raise TargetError(f"The service file {file} cannot be read.") from None
        if parser.has_section(name):
            return dict(parser.items(name))
    raise TargetError(f"There is no service {name} in {' or '.join(files)}.")
