"""A real Docker engine for the tests that need one, and images that come from no registry."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_cutover.errors import SandboxError
from pytest_cutover.sandbox.binaries import find_binaries
from pytest_cutover.sandbox.docker_engine import Engine
from tests.conftest import DOCKER_HOST

BUILD = Path(__file__).parent / "images" / "build"


@pytest.fixture
def docker(monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """The engine of this machine, which this test has to itself and may find."""
    # It is one, and what a test counts there must not be another's.
    lock = os.open(Path(tempfile.gettempdir()) / "cutover-tests-docker.lock", os.O_RDONLY | os.O_CREAT, 0o644)
    fcntl.flock(lock, fcntl.LOCK_EX)
    if DOCKER_HOST is None:
        monkeypatch.delenv("DOCKER_HOST")
    else:
        monkeypatch.setenv("DOCKER_HOST", DOCKER_HOST)
    try:
        engine = Engine.find()
    except SandboxError as error:
        os.close(lock)
        pytest.skip(f"needs a Docker engine: {str(error).splitlines()[0]}")
    yield engine
    engine.client.close()
    os.close(lock)


@pytest.fixture
def images(docker: Engine) -> dict[int, str]:
    """The image of each major version of PostgreSQL that this machine has programs of; built where it is missing."""
    if shutil.which("docker") is None or shutil.which("busybox") is None:
        pytest.skip("needs the docker client and busybox (Debian: docker.io, busybox-static) to build an image")
    known = {tag for image in docker.client.images.list() for tag in image.tags}
    found = {}
    for binaries in find_binaries():
        tag = f"cutover-test/postgres:{binaries.major}"
        if tag not in known and binaries.major not in found:
            subprocess.run(["bash", BUILD, binaries.folder, tag], check=True, env=os.environ, capture_output=True)
        found[binaries.major] = tag
    return found


@pytest.fixture
def image(images: dict[int, str]) -> str:
    """The image of the newest version."""
    return images[max(images)]
