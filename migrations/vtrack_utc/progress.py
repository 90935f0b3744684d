"""What a migration says while it runs: a log that only its owner may read, and how far it is."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TextIO


class Log:
    """Lines with the time in UTC, to the screen and, once there is a folder, to its log."""

    def __init__(self, screen: TextIO | None = None) -> None:
        self._screen = screen or sys.stdout
        self._file: TextIO | None = None
        self._earlier: list[str] = []

    def keep(self, path: Path) -> None:
        """Writes from here on, and what was said before, to the file as well."""
        self._file = path.open("a", encoding="utf-8")
        self._file.writelines(self._earlier)
        self._file.flush()

    def info(self, text: str) -> None:
        """Something happened."""
        self._say("INFO", text)

    def warning(self, text: str) -> None:
        """Something a person should look at."""
        self._say("WARNING", text)

    def error(self, text: str) -> None:
        """What stopped the migration."""
        self._say("ERROR", text)

    def close(self) -> None:
        """Closes the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _say(self, level: str, text: str) -> None:
        line = f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {level} {text}\n"
        self._screen.write(line)
        self._screen.flush()
        if self._file is None:
            self._earlier.append(line)
        else:
            self._file.write(line)
            self._file.flush()


class Progress:
    """Rows done of rows to do, and how long the rest will take; said at most once a second, and at the end."""

    def __init__(self, log: Log, total: int, every_s: float = 1.0) -> None:
        self._log = log
        self._total = total
        self._every = every_s
        self._done = 0
        self._began = self._said = time.monotonic()

    def __call__(self, table: str, rows: int) -> None:
        """Counts rows of a table as done."""
        self._done += rows
        now = time.monotonic()
        if now - self._said < self._every and self._done < self._total:
            return
        self._said = now
        spent = now - self._began
        rest = spent / self._done * (self._total - self._done) if self._done else 0.0
        share = 100 * self._done // max(self._total, 1)
        self._log.info(f"{table}: {self._done:,} of {self._total:,} rows ({share}%), about {rest:.1f} s left")
