"""Removes the containers of one run as soon as the process that asked for it ends, in whatever way.

Started as a program of its own, in its own session, so that neither Ctrl-C nor the death of the asking process leaves a
container with restored data behind. It reads one line of JSON from standard input (`label`: which containers;
`directory`: the run's folder; `path`: where Python finds modules) and waits for standard input to end. testcontainers' own reaper is a container that
publishes a port on every address of the machine, which is why it is not used.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import sys
import time

_TRIES = 5


def remove_containers(label: str) -> None:
    """Removes every container with the label (`key=value`), and its volumes.

    Raises:
        docker.errors.DockerException: the engine does not answer.
    """
    import docker
    from docker.errors import APIError, NotFound

    client = docker.from_env()
    try:
        for container in client.containers.list(all=True, filters={"label": label}, ignore_removed=True):
            with contextlib.suppress(NotFound):
                try:
                    container.remove(force=True, v=True)
                except APIError as error:
                    # 409: somebody else is just removing it.
                    if error.status_code != 409:
                        raise
    finally:
        client.close()


def main() -> None:
    """Wait for standard input to end, then remove the containers and the folder it named."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    order = json.loads(sys.stdin.readline())
    sys.path[:] = order["path"]
    sys.stdin.read()
    for _ in range(_TRIES):
        try:
            remove_containers(order["label"])
            break
        except Exception:  # noqa: BLE001 (the engine may be starting again; what stays is swept by the next run)
            time.sleep(1)
    shutil.rmtree(order["directory"], ignore_errors=True)


if __name__ == "__main__":
    main()
