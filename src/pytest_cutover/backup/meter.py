"""How far a long read or write is: size, share and rate, as a short text."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from typing_extensions import Self

Progress = Callable[[str], None]
"""Called with a short text while work goes on."""

_EVERY_S = 0.2


def size(number: float) -> str:
    """A number of bytes for people, as `1.5 MB`."""
    value = float(number)
    for unit in ("bytes", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


class Meter:
    """Tells the progress of a restore now and then. `total` is None where the end is not known."""

    def __init__(self, progress: Progress, total: int | None, doing: str = "restoring") -> None:
        self._progress = progress
        self._total = total
        self._doing = doing
        self._done = 0
        self._began = time.monotonic()
        self._told = 0.0

    def __enter__(self) -> Self:
        self._progress(self._doing if self._total is None else f"{self._doing} {size(self._total)}")
        return self

    def __exit__(self, *_: object) -> None:
        self._tell()

    def add(self, count: int) -> None:
        """So many bytes more are done."""
        self.reach(self._done + count)

    def reach(self, done: int) -> None:
        """So many bytes are done in all."""
        self._done = max(self._done, done)
        if time.monotonic() - self._told >= _EVERY_S:
            self._tell()

    def _tell(self) -> None:
        self._told = time.monotonic()
        seconds = self._told - self._began
        if self._done and seconds > 0:
            of = f" of {size(self._total)}" if self._total is not None else ""
            self._progress(f"{self._doing} {size(self._done)}{of}, {size(self._done / seconds)}/s")

    def wait_for(self, process: subprocess.Popen[bytes], path: Path) -> str:
        """Waits for a program that reads the file, telling how far it has read; returns its messages."""
        while True:
            try:
                _, complaints = process.communicate(timeout=_EVERY_S)
                return complaints.decode(errors="replace")
            except subprocess.TimeoutExpired:
                position = _position(process.pid, path)
                if position is not None:
                    self.reach(position)
            except BaseException:
                process.kill()
                process.communicate()
                raise


def _position(pid: int, path: Path) -> int | None:
    """How far the process has read the file; None where the system does not tell.

    Its children read parts of the file out of order, so that they do not count.
    """
    try:
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            if descriptor.resolve() == path.resolve():
                for line in Path(f"/proc/{pid}/fdinfo/{descriptor.name}").read_text().splitlines():
                    if line.startswith("pos:"):
                        return int(line.split()[1])
    except (OSError, ValueError):
        pass
    return None
