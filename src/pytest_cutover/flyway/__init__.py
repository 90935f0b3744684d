"""Flyway as it behaves on PostgreSQL: its settings, its files, its history table, and what it makes of the two.

What is said of Flyway here was read in its published source, github.com/flyway/flyway (Apache-2.0), and in its
documentation. Each module names the classes that it follows.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_cutover.flyway.files import FlywayError, refused_files, resolve
from pytest_cutover.flyway.settings import SettingsError, read_settings


def flyway_problems(
    folder: Path, settings: Mapping[str, Any], placeholders: Mapping[str, Any]
) -> list[tuple[str, str]]:
    """What is wrong with a `flyway` step before anything runs: the step's key, and what is wrong with it."""
    try:
        known = read_settings(settings)
    except SettingsError as error:
        return [("settings", problem) for problem in error.problems]
    found = [("flyway", problem) for problem in refused_files(folder, known)]
    try:
        given = {name: value for name, value in placeholders.items() if isinstance(value, str)}
        if not resolve(folder, known, given).migrations:
            found.append(("flyway", f'the folder "{folder.name}" holds no migration: name files V1__what_it_does.sql'))
    except FlywayError as error:
        found.append(("flyway", str(error)))
    return found
