# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network namespaces, and processes in them."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

from .netlink import Netlink, loopback_up

_libc = ctypes.CDLL(None, use_errno=True)
_NEW_NET, _NEW_USER = 0x40000000, 0x10000000
_DEATH_SIGNAL, _DROP_BOUND, _SECURE_BITS = 1, 24, 28
_NO_ROOT = 1  # exec gives user 0 no capabilities


def enter_own() -> None:
    """Into a user namespace in which we are root, with a network namespace; without the first where only root may."""
    user, group = os.geteuid(), os.getegid()
    if _libc.unshare(_NEW_USER | _NEW_NET) == 0:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    else:
        _checked(_libc.unshare(_NEW_NET))


class Namespace:
    """A network namespace that lives as long as this object."""

    def __init__(self, *, outer: int) -> None:
        self._outer = outer
        _checked(_libc.unshare(_NEW_NET))
        self.file = os.open("/proc/self/ns/net", os.O_RDONLY)
        self.netlink = Netlink()
        loopback_up(self.netlink)
        _checked(_libc.setns(outer, _NEW_NET))

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """Sockets that are made here belong to this namespace."""
        _checked(_libc.setns(self.file, _NEW_NET))
        try:
            yield
        finally:
            _checked(_libc.setns(self._outer, _NEW_NET))

    def let_all_ping(self) -> None:
        """Everybody in it may send ICMP echo."""
        with self.inside():
            Path("/proc/sys/net/ipv4/ping_group_range").write_text("0 0")

    def before_exec(self, *, privileged: bool) -> Callable[[], None]:
        """For a child process: enter, and give every capability up unless it may keep them."""

        def prepare() -> None:
            _checked(_libc.prctl(_DEATH_SIGNAL, signal.SIGKILL))
            _checked(_libc.setns(self.file, _NEW_NET))
            if not privileged:
                _checked(_libc.prctl(_SECURE_BITS, _NO_ROOT))
                for capability in range(64):
                    if _libc.prctl(_DROP_BOUND, capability) != 0:
                        break

        return prepare

    def close(self) -> None:
        self.netlink.close()
        os.close(self.file)


def _checked(result: int) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
