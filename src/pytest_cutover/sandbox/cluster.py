"""The programs of an embedded server and its database cluster, each made once and kept for later runs."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path

from pytest_cutover.errors import SandboxError
from pytest_cutover.sandbox import extensions
from pytest_cutover.sandbox.binaries import Binaries
from pytest_cutover.sandbox.directories import Account, cache_root

SUPERUSER = "postgres"

_HBA = "host all all 127.0.0.1/32 scram-sha-256\n"


def installed(binaries: Binaries, directory: Path) -> Path:
    """The folder of programs to run: the installed one, or a copy of the wheel's that has our stand-in extensions.

    The copy is needed anyway where the server's account cannot read the virtual environment.
    """
    if binaries.package is None:
        return binaries.folder
    install, site = binaries.folder.parent, binaries.package.parent
    # Where a wheel keeps the libraries that its programs look for beside themselves: on Linux, on macOS.
    libraries = (site / f"{binaries.package.name}.libs", binaries.package / ".dylibs")
    cache = cache_root()
    copy = (cache or directory) / f"wheel-{binaries.wheel}-{binaries.version}-{extensions.digest()}"
    if not copy.exists():
        with _made_aside(copy) as aside:
            for folder in filter(Path.is_dir, (install, *libraries)):
                shutil.copytree(folder, aside / folder.relative_to(site), symlinks=True)
            _open_to_others(aside)
            extensions.add_to_installation(aside)
    return copy / binaries.folder.relative_to(site)


def _open_to_others(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444))


@contextlib.contextmanager
def _made_aside(final: Path):  # type: ignore[no-untyped-def]
    """A folder to fill that becomes `final` in one step, so that nobody ever sees half of it."""
    aside = Path(tempfile.mkdtemp(prefix=f".{final.name}-", dir=final.parent))
    try:
        yield aside
        with contextlib.suppress(OSError):  # another run was faster
            aside.rename(final)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def fill_data_directory(programs: Path, binaries: Binaries, directory: Path, account: Account) -> str:
    """Fills `directory/data` from the cached initialised one, making that first; returns its superuser's password."""
    data = directory / "data"
    cache = cache_root()
    if cache is None:
        return _initialise(programs, directory, data, account)
    key = hashlib.sha256(f"{programs} {account} 1".encode()).hexdigest()[:12]
    kept = cache / f"data-{binaries.version}-{key}"
    if not (kept / "password").exists():
        with _made_aside(kept) as aside:
            password = _initialise(programs, directory, data, account)
            shutil.copytree(data, aside / "data")
            (aside / "password").touch(mode=0o600)
            (aside / "password").write_text(password)
        return password
    shutil.copytree(kept / "data", data)
    _give(data, account)
    return (kept / "password").read_text()


def _give(folder: Path, account: Account) -> None:
    folder.chmod(0o700)
    if account.name is not None:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, account.uid, account.gid, follow_symlinks=False)


def _initialise(programs: Path, directory: Path, data: Path, account: Account) -> str:
    password = secrets.token_urlsafe(24)
    pwfile = directory / "password"
    pwfile.touch(mode=0o600)
    pwfile.write_text(password)
    data.mkdir()
    _give(data, account)
    _give_file(pwfile, account)
    failures = []
    for locale in ("C.UTF-8", "C"):
        done = subprocess.run(
            [
                programs / "initdb", "-D", data, "-U", SUPERUSER, "--pwfile", pwfile, "--auth=scram-sha-256",
                "--encoding=UTF8", f"--locale={locale}", "--no-sync",
            ],
            capture_output=True, text=True, cwd=directory, env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
            user=account.uid if account.name else None, group=account.gid if account.name else None,
            extra_groups=[] if account.name else None, check=False,
        )  # fmt: skip
        if done.returncode == 0:
            break
        failures.append(done.stderr.strip())
    else:
        if "No space left on device" in failures[-1]:
            raise SandboxError(
                f"The disk is full: {directory.parent} has no room for a disposable PostgreSQL.\n"
                "Free some space, or set TMPDIR to a folder on a larger disk."
            )
        raise SandboxError(f"initdb of {programs} failed:\n{failures[-1]}")
    pwfile.unlink()
    (data / "pg_hba.conf").write_text(_HBA)
    return password


def _give_file(path: Path, account: Account) -> None:
    if account.name is not None:
        os.chown(path, account.uid, account.gid)
