"""Commands: they do their work on the sandbox, reach nothing else, cannot wait, and leave nothing behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pytest_cutover.migrate import confined, run_steps
from pytest_cutover.migrate.command import time_limit
from pytest_cutover.migrate.result import StepRun
from pytest_cutover.plan.model import Step
from pytest_cutover.target import Target

NewDatabase = Callable[..., Target]

CONFINED = Path(confined.__file__).parent

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has network namespaces")
root_only = pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can become somebody else")

SUM = "import os, psycopg\nwith psycopg.connect(os.environ['URL']) as c: print('sum', c.execute('SELECT 20 + 22').fetchone()[0])\n"

CONNECT = """
import socket, sys
try:
    socket.create_connection(("127.0.0.1", int(sys.argv[1])), 2).close()
    print("reached")
except OSError as error:
    print("refused", type(error).__name__)
"""

# A seccomp filter that answers EPERM to unshare, as the default one of a container engine does.
WITHOUT_UNSHARE = """
import ctypes, json, os, platform, struct, sys
from pathlib import Path
number = {"x86_64": 272, "aarch64": 97}[platform.machine()]
code = struct.pack("=HBBI", 0x20, 0, 0, 0) + struct.pack("=HBBI", 0x15, 0, 1, number)
code += struct.pack("=HBBI", 0x06, 0, 0, 0x00050001) + struct.pack("=HBBI", 0x06, 0, 0, 0x7FFF0000)
filter = ctypes.create_string_buffer(code)
class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0
program = Program(4, ctypes.addressof(filter))
assert libc.prctl(22, 2, ctypes.byref(program)) == 0, os.strerror(ctypes.get_errno())
"""

RUN = """
import json, os, sys
from pathlib import Path
from pytest_cutover.migrate import run_steps
from pytest_cutover.plan.model import Step
from pytest_cutover.target import Target
target = Target.parse(os.environ["TEST_TARGET"])
steps = [Step.model_validate({"command": command, "env": {"URL": "{url}"}}) for command in json.loads(sys.argv[1])]
for run in run_steps(steps, Path("/"), target).steps:
    print(json.dumps([run.outcome, run.output, run.unconfined, str(run.error)]))
"""


def _run(target: Target, folder: Path, *command: str, env: dict[str, str] | None = None, **more: str) -> StepRun:
    step = Step.model_validate({"command": command, "env": {"URL": "{url}"} | (env or {})} | more)
    return run_steps([step], folder, target).steps[0]


def _python(target: Target, folder: Path, code: str, *arguments: str, env: dict[str, str] | None = None) -> StepRun:
    return _run(target, folder, "{python}", "-c", code, *arguments, env=env)


def _elsewhere(prefix: list[str], before: str, target: Target, *commands: list[str]) -> list[list[str]]:
    """What commands give that another process runs: outcome, output, why not shut in, error."""
    done = subprocess.run(
        [*prefix, sys.executable, "-c", before + RUN, json.dumps(commands)],
        env=os.environ | {"TEST_TARGET": target.url, "HOME": "/"}, cwd="/", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def _alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return False


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "not within 30 s"
        time.sleep(0.02)


@pytest.fixture
def other_server() -> Iterator[socket.socket]:
    """A server on this machine's loopback that is not the sandbox."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def test_a_command_works_on_the_sandbox(new_database: NewDatabase, tmp_path: Path) -> None:
    """Whatever it is shut in with, it finds the server as an ordinary one."""
    target = new_database("CREATE TABLE t (id int)")

    run = _python(
        target, tmp_path,
        "import os, psycopg\nwith psycopg.connect(os.environ['URL']) as c: c.execute('INSERT INTO t VALUES (1)')",
    )  # fmt: skip

    assert run.outcome == "ok", run.error
    with target.connect() as connection:
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (1,)


def test_every_placeholder_of_the_environment_is_filled(new_database: NewDatabase, tmp_path: Path) -> None:
    target = new_database()
    env = {name.upper(): f"{{{name}}}" for name in ("host", "port", "database", "user", "password")}

    run = _python(
        target, tmp_path,
        "import os, psycopg\n"
        "names = ('HOST', 'PORT', 'DATABASE', 'USER', 'PASSWORD')\n"
        "host, port, dbname, user, password = (os.environ[name] for name in names)\n"
        "psycopg.connect(host=host, port=port, dbname=dbname, user=user, password=password).close()\n"
        "print(dbname, user)",
        env=env,
    )  # fmt: skip

    assert run.outcome == "ok", run.error
    assert run.output == f"{target.database} {target.user}"


def test_the_backup_is_named_in_the_command(new_database: NewDatabase, tmp_path: Path) -> None:
    backup = tmp_path / "backup.sql"
    step = Step.model_validate({"command": ["echo", "{backup}"]})

    run = run_steps([step], tmp_path, new_database(), backup).steps[0]

    assert run.output == str(backup)


def test_megabytes_pass_in_both_directions(new_database: NewDatabase, tmp_path: Path) -> None:
    """A dump or a COPY is more than any buffer holds."""
    target = new_database("CREATE TABLE t (v text)")
    code = (
        "import os, psycopg\n"
        "with psycopg.connect(os.environ['URL']) as c:\n"
        "    with c.cursor().copy('COPY t FROM STDIN') as copy:\n"
        "        for _ in range(3000): copy.write('x' * 4000 + '\\n')\n"
        "    with c.cursor().copy('COPY t TO STDOUT') as copy: print(sum(len(piece) for piece in copy))\n"
    )

    run = _python(target, tmp_path, code)

    assert (run.outcome, run.output) == ("ok", str(3000 * 4001)), run.error


@linux_only
def test_another_server_of_this_machine_is_out_of_reach(
    new_database: NewDatabase, tmp_path: Path, other_server: socket.socket
) -> None:
    """The program's own idea of an address, in a file or in its code, leads nowhere."""
    port = str(other_server.getsockname()[1])
    outside = subprocess.run([sys.executable, "-c", CONNECT, port], capture_output=True, text=True, check=True)

    run = _python(new_database(), tmp_path, CONNECT, port)

    if run.unconfined:
        pytest.skip(f"this system does not allow it: {run.unconfined}")
    assert outside.stdout == "reached\n"
    assert run.output == "refused ConnectionRefusedError"


@linux_only
def test_the_socket_file_of_another_server_is_out_of_reach(new_database: NewDatabase, tmp_path: Path) -> None:
    """A network namespace alone does not hide it: libpq looks for one when it is told no host."""
    path = tmp_path / ".s.PGSQL.5432"
    code = "import socket, sys\ntry: socket.socket(socket.AF_UNIX).connect(sys.argv[1])\nexcept OSError as e: print('refused')"

    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        run = _python(new_database(), tmp_path, code, str(path))

    if run.unconfined:
        pytest.skip(f"this system does not allow it: {run.unconfined}")
    assert run.output == "refused"


@linux_only
@root_only
def test_an_ordinary_account_is_shut_in_as_well(
    new_database: NewDatabase, other_server: socket.socket, request: pytest.FixtureRequest
) -> None:
    """It may make a network of its own inside a user namespace; root needs none."""
    target, other = new_database(), other_server.getsockname()[1]
    # Nobody else can read root's Python, which the tests may run with.
    python = shutil.which("python3", path=os.defpath)
    if python is None:
        pytest.skip("no Python that every account may run")

    # Nor may everybody read the folder that the tests run in.
    public = Path(tempfile.mkdtemp(prefix="confined-"))
    request.addfinalizer(lambda: shutil.rmtree(public))
    public.chmod(0o755)
    shutil.copytree(CONFINED, public / "confined")

    def reach(port: int) -> list[dict[str, object]]:
        order = {
            "argv": ["bash", "-c", f"id -u; exec 3<>/dev/tcp/127.0.0.1/{port}"], "cwd": "/", "hidden": [],
            "environments": {kind: {"PATH": os.defpath} for kind in ("shut_in", "open")},
            "sandbox": [target.host, target.port], "listen": target.port,
        }  # fmt: skip
        reading, writing = os.pipe()
        with subprocess.Popen(
            ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", python, "-I", "-S", public / "confined", str(writing)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, pass_fds=(writing,), text=True,
        ) as process:  # fmt: skip
            assert process.stdin is not None and process.stdout is not None
            os.close(writing)
            process.stdin.write(json.dumps(order) + "\n")
            process.stdin.flush()
            with open(reading, encoding="utf-8") as answers:
                said = [json.loads(line) for line in answers]
            assert process.stdout.read() == "65534\n"
        return said

    own, others = reach(target.port), reach(other)

    if own[0]["network"] is not None:
        pytest.skip(f"this system does not allow it: {own[0]['network']}")
    assert (own[1], others[1]) == ({"status": 0}, {"status": 1})


@linux_only
def test_where_the_system_refuses_the_command_runs_and_it_is_said(
    new_database: NewDatabase, other_server: socket.socket
) -> None:
    """A container engine's default filter forbids namespaces; the run must say what it did not do."""
    port = str(other_server.getsockname()[1])

    sums, reached = _elsewhere(
        [], WITHOUT_UNSHARE, new_database(), ["{python}", "-c", SUM], ["{python}", "-c", CONNECT, port]
    )  # fmt: skip

    assert sums[:2] == ["ok", "sum 42"]
    assert sums[2] == "unshare: Operation not permitted"
    assert reached[1] == "reached"


def test_a_question_for_a_password_finds_nobody_to_ask(new_database: NewDatabase, tmp_path: Path) -> None:
    """getpass and ssh ask the terminal, whatever standard input is."""
    began = time.monotonic()

    asked = _python(new_database(), tmp_path, "open('/dev/tty')")
    read = _python(new_database(), tmp_path, "input('Type YES: ')")

    assert asked.outcome == read.outcome == "failed"
    assert "/dev/tty" in str(asked.error)
    assert "EOFError" in str(read.error)
    assert time.monotonic() - began < 20


def test_a_status_other_than_0_fails_and_shows_what_was_printed_last(new_database: NewDatabase, tmp_path: Path) -> None:
    run = _run(new_database(), tmp_path, "sh", "-c", "echo one; echo two >&2; exit 3")

    assert run.outcome == "failed" and run.error is not None
    assert run.error.message == "the program ended with status 3"
    assert run.output == "one\ntwo"
    assert "two" in str(run.error.statement)


def test_a_program_killed_by_a_signal_fails(new_database: NewDatabase, tmp_path: Path) -> None:
    run = _run(new_database(), tmp_path, "sh", "-c", "kill -9 $$")

    assert run.error is not None
    assert run.error.message == f"the program was ended by signal {signal.SIGKILL.value}"


def test_a_program_that_is_not_there_is_named(new_database: NewDatabase, tmp_path: Path) -> None:
    run = _run(new_database(), tmp_path, "no-such-program")

    assert run.error is not None
    assert run.error.message == "the program 'no-such-program' could not be started: No such file or directory"


def test_a_program_beyond_its_limit_is_ended(
    new_database: NewDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pytest_cutover.migrate.command.LEAST_LIMIT_S", 0.5)

    run = _run(new_database(), tmp_path, "sh", "-c", "echo begun; echo $$ > pid; sleep 600", budget="10ms")

    assert run.error is not None
    assert run.error.message == "the program was ended after 500 ms, its limit"
    assert run.output == "begun"
    assert not _alive(int((tmp_path / "pid").read_text(encoding="utf-8")))


@pytest.mark.parametrize(("budget", "limit"), [(None, 3600.0), (1.0, 60.0), (30.0, 300.0)])
def test_the_limit_follows_the_budget(budget: float | None, limit: float) -> None:
    """A program that is only slow is to be measured; one that hangs is to end."""
    assert time_limit(budget) == limit


@linux_only
def test_what_a_program_leaves_running_is_ended(new_database: NewDatabase, tmp_path: Path) -> None:
    """A background child, also one in a session of its own, would go on changing the database."""
    script = "sleep 600 & echo $! > pids; setsid sh -c 'echo $$ >> pids; exec sleep 600' & sleep 0.3; echo done"

    run = _run(new_database(), tmp_path, "sh", "-c", script)

    assert (run.outcome, run.output) == ("failed", "done")
    assert run.error is not None
    assert "ended with status 0 and left 2 processes at work" in run.error.message
    pids = [int(word) for word in (tmp_path / "pids").read_text(encoding="utf-8").split()]
    assert len(pids) == 2
    assert [pid for pid in pids if _alive(pid)] == []


@linux_only
def test_a_helper_that_ends_soon_after_its_program_is_no_fault(new_database: NewDatabase, tmp_path: Path) -> None:
    """Helpers often notice only then that the program has ended."""
    run = _run(new_database(), tmp_path, "sh", "-c", "sleep 0.1 & echo done")

    assert (run.outcome, run.output, run.error) == ("ok", "done", None)


def test_a_statement_that_outlives_its_program_is_ended(new_database: NewDatabase, tmp_path: Path) -> None:
    """It would commit after the criteria were checked."""
    target = new_database("CREATE TABLE t (id int)")
    code = (
        "import os, psycopg\n"
        "c = psycopg.connect(os.environ['URL'], autocommit=True)\n"
        "c.pgconn.send_query(b'INSERT INTO t SELECT 1 FROM pg_sleep(3)')\n"
        "c.pgconn.flush()\n"
        "os._exit(0)"
    )

    run = _python(target, tmp_path, code)

    assert run.outcome == "failed"
    assert run.error is not None
    assert "ended with status 0 and left a statement at work" in run.error.message
    assert [each.message for each in run.notices] == [
        "the program left a session at work on the server, which was ended"
    ]
    with target.connect() as connection:
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,)
        assert connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchone() == (0,)


@linux_only
def test_a_program_ends_with_the_run_that_started_it(new_database: NewDatabase, tmp_path: Path) -> None:
    """Also where nobody could tell it to: the run itself was killed."""
    pids = tmp_path / "pids"
    script = f"sleep 600 & echo $! $$ > {pids}.new; mv {pids}.new {pids}; wait"

    with subprocess.Popen(
        [sys.executable, "-c", RUN, json.dumps([["sh", "-c", script]])],
        env=os.environ | {"TEST_TARGET": new_database().url}, stdout=subprocess.DEVNULL, cwd="/",
    ) as process:  # fmt: skip
        _until(pids.exists)
        process.kill()

    known = [int(word) for word in pids.read_text(encoding="utf-8").split()]
    _until(lambda: not any(_alive(pid) for pid in known))


def test_fifty_connections_at_once_are_carried(new_database: NewDatabase, tmp_path: Path) -> None:
    """A pool opens all of its connections in one moment."""
    code = (
        "import os, psycopg\n"
        "all = [psycopg.connect(os.environ['URL']) for _ in range(50)]\n"
        "print(sum(c.execute('SELECT 2').fetchone()[0] for c in all))\n"
        "for c in all: c.close()"
    )

    run = _python(new_database(), tmp_path, code)

    assert (run.outcome, run.output) == ("ok", "100"), run.error


def test_passwords_and_rows_are_not_shown(
    new_database: NewDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = new_database()
    monkeypatch.setenv("MAIL_PASSWORD", "not-for-anybody")
    code = (
        "import os\nprint(os.environ['URL'])\nprint('mail', os.environ['MAIL_PASSWORD'])\n"
        "print('DETAIL:  Key (name)=(Alice) already exists.')"
    )

    run = _python(target, tmp_path, code)

    assert run.outcome == "ok", run.error
    assert target.password and target.password not in run.output
    assert "not-for-anybody" not in run.output and "mail …" in run.output
    assert "Alice" not in run.output


def test_what_a_program_prints_is_bounded(new_database: NewDatabase, tmp_path: Path) -> None:
    run = _python(new_database(), tmp_path, "for i in range(20000): print('line', i)\nprint('x' * 10_000_000)")

    assert "line 0\n" in run.output and "line 19999\n" in run.output
    assert "lines left out" in run.output
    assert len(run.output) < 20_000
    assert run.output.endswith("x…")
