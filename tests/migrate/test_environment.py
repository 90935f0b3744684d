"""What of the environment reaches a command."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pytest_cutover.migrate.environment import command_environment, looks_like_address, password_files, secrets_of


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PGHOST", "db.example.com"),
        ("PGSERVICE", "production"),
        ("PGPASSFILE", "/home/somebody/.pgpass"),
        ("DATABASE_URL", "anything"),
        ("STAGING_DATABASE_URL", "anything"),
        ("DB_HOST", "db.example.com"),
        ("APP_DB_PASSWORD", "secret"),
        ("SUPABASE_URL", "https://example.supabase.co"),
        ("SUPABASE_SERVICE_ROLE_KEY", "secret"),
        ("FLYWAY_URL", "jdbc:postgresql://db/app"),
        ("FLYWAY_CONFIG_FILES", "/etc/flyway.conf"),
        ("REDIS_HOST", "cache"),
        ("RAILWAY_PRIVATE_URI", "anything"),
        ("SQLALCHEMY_URI", "anything"),
        ("SENTRY_DSN", "anything"),
        ("PRIMARY", "postgres://somebody@db.example.com/app"),
        ("PRIMARY", "postgresql+psycopg://db.example.com/app"),
        ("PRIMARY", "mysql://db.example.com/app"),
        ("PRIMARY", "sqlite:////var/lib/app.db"),
        ("PRIMARY", "jdbc:oracle:thin:@db.example.com:1521/app"),
        ("PRIMARY", "amqp://somebody:secret@queue.example.com"),
        ("PRIMARY", "host=db.example.com dbname=app"),
        ("PRIMARY", "service=production"),
    ],
)
def test_a_variable_that_could_lead_to_a_database_is_removed(name: str, value: str) -> None:
    assert looks_like_address(name, value)
    assert command_environment({name: value}, {}).get(name) != value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LANG", "C.UTF-8"),
        ("HOME", "/home/somebody"),
        ("TZ", "UTC"),
        ("EDITOR", "vi"),
        ("OPTIONS", "a=b c=d"),
        ("DEBUG", "1"),
    ],
)
def test_other_variables_are_kept(name: str, value: str) -> None:
    assert not looks_like_address(name, value)
    assert command_environment({name: value}, {})[name] == value


def test_what_the_plan_names_is_set() -> None:
    """Also where a variable of that name was removed."""
    made = command_environment({"DATABASE_URL": "postgresql://production/app"}, {"DATABASE_URL": "sandbox"})

    assert made["DATABASE_URL"] == "sandbox"


def test_libpq_finds_no_file_of_passwords_or_services() -> None:
    made = command_environment({"HOME": "/home/somebody"}, {})

    for name in ("PGPASSFILE", "PGSERVICEFILE", "PGSYSCONFDIR"):
        assert not Path(made[name]).exists()
    assert "/home/somebody/.pgpass" in password_files("/home/somebody")


def test_programs_of_this_python_are_found_first() -> None:
    path = command_environment({"PATH": "/usr/bin"}, {})["PATH"]

    assert path.split(":") == [str(Path(sys.executable).parent), "/usr/bin"]


def test_secrets_are_known_by_the_names_of_their_variables() -> None:
    found = secrets_of(
        {"API_TOKEN": "abcdefgh", "MAIL_PASSWORD": "a-longer-secret", "PIN_SECRET": "1", "LANG": "C.UTF-8"}
    )

    assert found == ["a-longer-secret", "abcdefgh"]
