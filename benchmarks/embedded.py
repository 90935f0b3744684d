"""How long the embedded PostgreSQL takes to start: the first time on a machine, and every later time.

Prints both, and the ratio of the later starts to the first (the aim is one half or less).
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time

ROUNDS = 5


def _start_once() -> float:
    from pytest_cutover.sandbox import Sandboxes

    sandboxes = Sandboxes()
    began = time.perf_counter()
    sandboxes.server()
    seconds = time.perf_counter() - began
    sandboxes.close()
    return seconds


def main() -> None:
    """Measures with a cache of its own, so that the first start is one."""
    first, later = [], []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as cache:
            os.chmod(cache, 0o755)
            os.environ["CUTOVER_CACHE_DIR"] = cache
            first.append(_start_once())
            later.append(_start_once())
    one, two = statistics.median(first), statistics.median(later)
    print(f"first start  {one:.2f} s (median of {ROUNDS})")
    print(f"later start  {two:.2f} s (median of {ROUNDS})")
    print(f"ratio        {two / one:.2f} (aim: 0.50 or less)")


if __name__ == "__main__":
    main()
