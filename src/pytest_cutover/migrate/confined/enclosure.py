"""A network of its own for the calling process, and no way to the socket files of other servers."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import socket
import stat
import struct
from typing import Any

_CLONE_NEWNS, _CLONE_NEWUSER, _CLONE_NEWNET = 0x00020000, 0x10000000, 0x40000000
_MS_BIND, _MS_REC, _MS_PRIVATE = 0x1000, 0x4000, 0x40000
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 0x1
_SO_ACCEPTCON = 0x10000
_NAME_SERVICES = ("/run/nscd/", "/var/run/nscd/", "/var/lib/sss/")
"""Sockets that answer who an account is; they lead to no database."""


class Enclosure:
    """Shuts the calling process in: a network of its own, and no socket file of another server."""

    def __init__(self, order: dict[str, Any]) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._sandbox: list[Any] | None = order["sandbox"]
        self._listen: int = order["listen"]
        self._hidden: list[str] = order["hidden"]

    def enter(self) -> socket.socket | None:
        """The listening socket inside, which the outer process serves; None where no server is needed.

        Raises:
            OSError: the system does not allow it. Some of it may have been done by then.
        """
        sockets = self._socket_files()
        try:
            self._call("unshare", _CLONE_NEWNET | _CLONE_NEWNS)
        except PermissionError:
            self._unshare_as_user()
        self._call("mount", None, b"/", None, ctypes.c_ulong(_MS_REC | _MS_PRIVATE), None)
        for path in (*sockets, *self._hidden):
            self._hide(path)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
            (flags,) = struct.unpack_from(
                "16xh", fcntl.ioctl(any_socket, _SIOCGIFFLAGS, struct.pack("16sh14x", b"lo", 0))
            )
            fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | _IFF_UP))
        if self._own_socket() or self._sandbox is None:
            return None
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.bind(("127.0.0.1", self._listen))
        listener.listen(64)
        return listener

    def _unshare_as_user(self) -> None:
        # Inside a user namespace an ordinary account may do what it needs here; it keeps its own number.
        user, group = os.geteuid(), os.getegid()
        self._call("unshare", _CLONE_NEWUSER | _CLONE_NEWNET | _CLONE_NEWNS)
        for name, text in (
            ("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1"),
        ):  # fmt: skip
            with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
                file.write(text)

    def _own_socket(self) -> str:
        """The socket file of the sandbox, where it has one."""
        if self._sandbox is None or not str(self._sandbox[0]).startswith("/"):
            return ""
        return f"{self._sandbox[0]}/.s.PGSQL.{self._sandbox[1]}"

    def _socket_files(self) -> list[str]:
        """Files behind which somebody listens: a network namespace does not stop a connection to one."""
        with open("/proc/net/unix", encoding="utf-8", errors="surrogateescape") as file:
            entries = [line.rstrip("\n").split(maxsplit=7) for line in list(file)[1:]]
        found = {entry[7] for entry in entries if len(entry) == 8 and int(entry[3], 16) & _SO_ACCEPTCON}
        own = self._own_socket()
        return sorted(
            path for path in found
            if path.startswith("/") and not path.startswith(_NAME_SERVICES)
            and not (own and os.path.exists(own) and os.path.exists(path) and os.path.samefile(own, path))
        )  # fmt: skip

    def _hide(self, path: str) -> None:
        try:
            mode = os.stat(path).st_mode
            if stat.S_ISSOCK(mode) or stat.S_ISREG(mode):
                self._call("mount", b"/dev/null", os.fsencode(path), None, ctypes.c_ulong(_MS_BIND), None)
        except OSError as error:
            # What this account cannot reach its program cannot reach either.
            if error.errno not in (errno.ENOENT, errno.EACCES, errno.ENOTDIR):
                raise

    def _call(self, name: str, *arguments: Any) -> None:
        if getattr(self._libc, name)(*arguments) != 0:
            number = ctypes.get_errno()
            raise OSError(number, f"{name}: {os.strerror(number)}")
