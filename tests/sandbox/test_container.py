"""Containers: reachable by us alone, explained when they die, gone with whoever asked for them."""

from __future__ import annotations

import os
import signal
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

import pytest_cutover
from pytest_cutover.errors import SandboxError
from pytest_cutover.sandbox import Sandboxes
from pytest_cutover.sandbox.container import ContainerServer
from pytest_cutover.sandbox.docker_engine import Engine
from pytest_cutover.sandbox.sweeping import LABEL_RUN
from pytest_cutover.target import Target
from pytest_cutover.trace.statements import NOT_LOADED, Statistics
from tests.project import PLAN, Project

_HOLD = """
import sys, time
from pytest_cutover.sandbox import Sandboxes
server = Sandboxes("docker").server(image=sys.argv[1])
print(server._keeping.pid, flush=True)
time.sleep(600)
"""
_LISTEN = "0A"


@pytest.fixture
def sandboxes(docker: Engine) -> Iterator[Sandboxes]:
    """Sandboxes in containers."""
    made = Sandboxes("docker")
    yield made
    made.close()


def _containers(docker: Engine) -> set[str]:
    return {each.id for each in docker.client.containers.list(all=True, filters={"label": LABEL_RUN})}


def _listening() -> set[tuple[str, int]]:
    """Every address and port that this machine listens on, from the kernel's own tables."""
    found = set()
    for family, table in ((socket.AF_INET, "/proc/net/tcp"), (socket.AF_INET6, "/proc/net/tcp6")):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTEN:
                number, port = fields[1].split(":")
                words = [bytes.fromhex(number[at : at + 8])[::-1] for at in range(0, len(number), 8)]
                found.add((socket.inet_ntop(family, b"".join(words)), int(port, 16)))
    return found


def test_a_rehearsal_in_a_container_is_a_go(docker: Engine, image: str, project: Project) -> None:
    project.plan(text=PLAN + f'[sandbox]\nimage = "{image}"\n')

    assert project.run("--sandbox=docker") == 0, project.output

    target = project.result["plans"][0]["target"]
    assert target["kind"] == "container"
    assert target["image"] == image
    assert target["digest"].startswith("sha256:")
    assert "in containers of Docker" in project.output
    assert _containers(docker) == set()


def test_auto_takes_a_container_where_the_engine_has_the_image(docker: Engine, image: str, project: Project) -> None:
    project.plan(text=PLAN + f'[sandbox]\nimage = "{image}"\n')

    assert project.run() == 0, project.output
    assert project.result["plans"][0]["target"]["kind"] == "container"


def test_auto_takes_the_embedded_server_where_the_image_cannot_be_had(docker: Engine, project: Project) -> None:
    project.plan(text=PLAN + '[sandbox]\nimage = "127.0.0.1:9/nowhere:17"\n')

    assert project.run() == 0, project.output

    target = project.result["plans"][0]["target"]
    assert target["kind"] == "embedded"
    assert "has no image 127.0.0.1:9/nowhere:17" in target["why"]


def test_without_an_engine_auto_is_embedded_and_docker_says_the_way_out(project: Project) -> None:
    assert project.run() == 0, project.output
    assert "no Docker engine answers" in project.output
    assert "No Docker engine answers" in project.result["plans"][0]["target"]["why"]

    assert project.run("--sandbox=docker") == 10
    assert "rehearse with --sandbox=embedded" in project.result["plans"][0]["reason"] + project.output


def test_an_image_that_is_not_to_be_had_is_one_clear_error(docker: Engine, sandboxes: Sandboxes) -> None:
    with pytest.raises(SandboxError, match=r"no image 127\.0\.0\.1:9/nowhere:17 and could not get it") as raised:
        sandboxes.server(image="127.0.0.1:9/nowhere:17")

    assert "docker pull" in str(raised.value)


def test_it_listens_on_loopback_alone_and_asks_for_the_password(image: str, sandboxes: Sandboxes) -> None:
    """Restored production data is behind it."""
    before = _listening()

    server = sandboxes.server(image=image)

    opened = _listening() - before
    assert (server.maintenance.host, server.maintenance.port) in opened
    assert {address for address, _ in opened} == {"127.0.0.1"}
    wrong = Target(server.maintenance.host, server.maintenance.port, "postgres", "postgres", "not the password")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        wrong.connect()


def test_an_image_older_than_the_backup_is_refused(images: dict[int, str], sandboxes: Sandboxes) -> None:
    oldest = min(images)

    with pytest.raises(
        SandboxError, match=f"The backup comes from PostgreSQL {oldest + 1}, and the server is {oldest}"
    ):
        sandboxes.server(at_least=oldest + 1, image=images[oldest])


def test_a_container_that_dies_shows_its_log_and_no_password(image: str, sandboxes: Sandboxes) -> None:
    server = sandboxes.server(image=image)
    assert isinstance(server, ContainerServer)
    server._container.get_wrapped_container().kill()

    with pytest.raises(SandboxError, match="could not create the database x") as raised:
        server.create("x")

    assert "It ended with status 137" in str(raised.value)
    assert "ready to accept connections" in str(raised.value)
    assert server.maintenance.password not in str(raised.value)


def test_a_container_that_does_not_start_shows_its_log(docker: Engine, image: str, sandboxes: Sandboxes) -> None:
    """testcontainers would wait two minutes for it, and print the password then."""
    made = docker.client.containers.create(image)
    made.commit(
        "cutover-test/broken", "17", changes='CMD ["sh", "-c", "echo nothing works; echo $POSTGRES_PASSWORD; exit 3"]'
    )
    made.remove()
    began = time.monotonic()
    try:
        with pytest.raises(SandboxError, match="ended while starting") as raised:
            sandboxes.server(image="cutover-test/broken:17")
    finally:
        docker.client.images.remove("cutover-test/broken:17", force=True)

    assert "It ended with status 3" in str(raised.value)
    assert "nothing works\n    …" in str(raised.value)
    assert time.monotonic() - began < 60
    assert _containers(docker) == set()


def test_an_image_keeps_the_libraries_that_it_loads(docker: Engine, image: str, sandboxes: Sandboxes) -> None:
    """Ours would take their place; what ran is not known there, and everything else is."""
    made = docker.client.containers.create(image)
    command = '["postgres", "-c", "shared_preload_libraries=plpgsql"]'
    made.commit("cutover-test/loading", "18", changes=f"CMD {command}")
    made.remove()
    try:
        server = sandboxes.server(image="cutover-test/loading:18")
        with server.maintenance.connect() as connection:
            loaded = connection.execute("SHOW shared_preload_libraries").fetchone()
        statistics = Statistics(server.maintenance, "postgres")
    finally:
        sandboxes.close()
        docker.client.images.remove("cutover-test/loading:18", force=True)

    assert loaded == ("plpgsql",)
    assert statistics.missing == NOT_LOADED


def test_the_death_of_a_run_ends_its_container(docker: Engine, image: str) -> None:
    holding = subprocess.Popen([sys.executable, "-c", _HOLD, image], stdout=subprocess.PIPE, text=True)
    assert holding.stdout is not None
    holding.stdout.readline()
    assert len(_containers(docker)) == 1

    holding.send_signal(signal.SIGKILL)
    holding.wait()
    holding.stdout.close()

    assert _gone(docker)


def test_what_even_the_reaper_left_is_swept_by_the_next_run(
    docker: Engine, image: str, sandboxes: Sandboxes, project: Project
) -> None:
    """Both killed at once, as by a machine's out-of-memory killer."""
    project.plan(text=PLAN + f'[sandbox]\nimage = "{image}"\n')
    holding = subprocess.Popen([sys.executable, "-c", _HOLD, image], stdout=subprocess.PIPE, text=True)
    assert holding.stdout is not None
    reaper = int(holding.stdout.readline())
    (left,) = _containers(docker)
    alive = sandboxes.server(image=image)
    os.kill(reaper, signal.SIGKILL)
    holding.send_signal(signal.SIGKILL)
    holding.wait()
    holding.stdout.close()
    assert left in _containers(docker)

    assert project.run("--sandbox=docker") == 0, project.output

    assert left not in _containers(docker)
    alive.maintenance.connect().close()


def _gone(docker: Engine, within_s: float = 30.0) -> bool:
    deadline = time.monotonic() + within_s
    while _containers(docker) and time.monotonic() < deadline:
        time.sleep(0.1)
    return not _containers(docker)


class _Relay(socketserver.BaseRequestHandler):
    """Passes one connection on to the engine's socket."""

    def handle(self) -> None:
        with socket.socket(socket.AF_UNIX) as engine:
            engine.connect("/var/run/docker.sock")
            back = threading.Thread(target=_pass, args=(engine, self.request), daemon=True)
            back.start()
            _pass(self.request, engine)
            back.join()


def _pass(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


@pytest.mark.skipif(not Path("/var/run/docker.sock").exists(), reason="needs Docker's own socket, to pass it on")
def test_an_engine_on_another_host_is_reached_at_its_address(
    docker: Engine, image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The address of Docker's own bridge stands for another host: it is not loopback."""
    bridge = docker.client.networks.get("bridge").attrs["IPAM"]["Config"][0].get("Gateway", "172.17.0.1")
    with socketserver.ThreadingTCPServer((bridge, 0), _Relay) as relay:
        relay.daemon_threads = True
        threading.Thread(target=relay.serve_forever, daemon=True).start()
        monkeypatch.setenv("DOCKER_HOST", f"tcp://{bridge}:{relay.server_address[1]}")
        sandboxes = Sandboxes("docker")
        try:
            server = sandboxes.server(image=image)
            assert server.maintenance.host == bridge
            assert server.create("there").database == "there"
        finally:
            sandboxes.close()
            relay.shutdown()
    assert _containers(docker) == set()


@pytest.mark.skipif(not Path("/var/run/docker.sock").exists(), reason="needs Docker's own socket, to mount it")
def test_from_inside_a_container_the_server_is_reached_on_the_shared_network(docker: Engine, image: str) -> None:
    """As in a CI job that is itself a container with the engine's socket mounted."""
    package = Path(pytest_cutover.__file__).parents[1]
    needed = {Path(each) for each in (sys.prefix, sys.base_prefix, package, "/usr", "/lib", "/lib64", "/bin", "/etc")}
    volumes = {str(each): {"bind": str(each), "mode": "ro"} for each in needed if each.exists()}
    volumes["/var/run/docker.sock"] = {"bind": "/var/run/docker.sock", "mode": "rw"}
    code = (
        "from pytest_cutover.sandbox import Sandboxes\n"
        "s = Sandboxes('docker')\n"
        f"t = s.server(image={image!r}).create('inside')\n"
        "print(t.host, t.port, t.database)\n"
        "s.close()\n"
    )

    output = docker.client.containers.run(
        image, [sys.executable, "-c", code], entrypoint="", user="0", volumes=volumes, remove=True,
        environment={"PYTHONPATH": str(package)},
    )  # fmt: skip

    host, port, database = output.decode().split()
    assert host.startswith("172.") and port == "5432" and database == "inside"
    assert _containers(docker) == set()
