"""The Docker engine that answers, and whether it has or gets an image."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from pytest_cutover.errors import SandboxError

if TYPE_CHECKING:
    import docker

ANSWER_TIMEOUT_S = 5
"""For whatever is only asked, of the engine or of a server in it."""

_DEFAULT_SOCKET = "unix:///var/run/docker.sock"
_LOCALHOSTS = ("localhost", "127.0.0.1", "::1")

Progress = Callable[[str], None]


class Engine:
    """A Docker engine that answers. `version` is its own, `place` where it was found."""

    def __init__(self, client: docker.DockerClient, version: str) -> None:
        self.client = client
        self.version = version

    @property
    def place(self) -> str:
        """Where the engine was found, for people."""
        return os.environ.get("DOCKER_HOST") or "this machine"

    @property
    def is_local(self) -> bool:
        """True where a port that the engine publishes on loopback may be ours to reach."""
        host = re.match(r"(?:tcp|https?|ssh)://(?:[^@/]*@)?\[?([^\]/:]+)", os.environ.get("DOCKER_HOST", ""))
        return host is None or host[1] in _LOCALHOSTS

    @classmethod
    def find(cls) -> Engine:
        """The engine that DOCKER_HOST, the current context or the default socket leads to.

        Raises:
            SandboxError: none answers, with the reason.
        """
        from docker.errors import DockerException
        from testcontainers.core.docker_client import DockerClient, get_docker_host

        try:
            _reach(get_docker_host() or _DEFAULT_SOCKET)
            # This client is for asking: work that takes long has another one.
            client = DockerClient(timeout=ANSWER_TIMEOUT_S).client
            version = str(client.version()["Version"])
        except (DockerException, OSError, ValueError, KeyError) as error:
            raise SandboxError(
                f"No Docker engine answers ({shortened(error)}).\n"
                "Start one, set DOCKER_HOST, or rehearse with --sandbox=embedded, which needs none."
            ) from error
        return cls(client, version)

    def fetch(self, image: str, progress: Progress) -> str:
        """The digest or id of the image, which is pulled where the engine does not have it.

        Raises:
            SandboxError: it is not there and cannot be pulled.
        """
        from docker.errors import DockerException, ImageNotFound

        try:
            try:
                found = self.client.images.get(image)
            except ImageNotFound:
                self._pull(image, progress)
                found = self.client.images.get(image)
        except (DockerException, OSError) as error:
            raise SandboxError(
                f"The Docker engine has no image {image} and could not get it ({shortened(error)}).\n"
                f"Either `docker pull {image}`, or name another one in sandbox.image, or use --sandbox=embedded."
            ) from error
        digests = found.attrs.get("RepoDigests") or []
        return str(digests[0] if digests else found.id)

    def _pull(self, image: str, progress: Progress) -> None:
        """Pulls the image, saying how far it is."""
        import docker

        name, tag = (image, None) if "@" in image or ":" in image.rsplit("/", 1)[-1] else (image, "latest")
        client = docker.from_env(timeout=600)
        layers: dict[str, tuple[int, int]] = {}
        try:
            for event in client.api.pull(name, tag=tag, stream=True, decode=True):
                if "error" in event:
                    raise docker.errors.APIError(event["error"])
                part = event.get("progressDetail") or {}
                if part.get("total"):
                    layers[event["id"]] = (part.get("current", 0), part["total"])
                    done, total = (sum(numbers) for numbers in zip(*layers.values(), strict=True))
                    progress(f"pulling {image}: {done / 1e6:.0f} of {total / 1e6:.0f} MB")
        finally:
            client.close()


def _reach(address: str) -> None:
    """Knocks at the engine's local socket: where nobody listens, Docker's own client leaves its socket open.

    Raises:
        OSError: nobody listens.
    """
    if not address.startswith("unix://"):
        return
    path = "/" + address.removeprefix("unix://").lstrip("/")
    with socket.socket(socket.AF_UNIX) as knocking:
        knocking.settimeout(ANSWER_TIMEOUT_S)
        try:
            knocking.connect(path)
        except OSError as error:
            raise OSError(f"{path}: {error.strerror or error}") from error


def shortened(error: BaseException) -> str:
    """The error's text on one line that is not too long, or its name where it has none."""
    return " ".join(str(error).split())[:300] or type(error).__name__
