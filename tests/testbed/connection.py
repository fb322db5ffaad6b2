# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The API server and the credentials that a kubeconfig names."""

from __future__ import annotations

import asyncio
import base64
import socket
import ssl
import tempfile
import weakref
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import yaml

# One object is one line of a watch.
_LONGEST_LINE = 8 * 2**20


class Connection:
    """From the current context; certificates and tokens, in the file or beside it."""

    def __init__(self, kubeconfig: Path) -> None:
        content = yaml.safe_load(kubeconfig.read_text())
        current = content["current-context"]
        context = next(one["context"] for one in content["contexts"] if one["name"] == current)
        self._base = kubeconfig.parent
        self._cluster = next(one["cluster"] for one in content["clusters"] if one["name"] == context["cluster"])
        self._user = next(one["user"] for one in content["users"] if one["name"] == context["user"])
        self.server = self._cluster["server"].rstrip("/")
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()

    def session(self, auto_decompress: bool = True) -> aiohttp.ClientSession:
        headers = {"Authorization": f"Bearer {self._user['token']}"} if "token" in self._user else {}
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=self._context(), limit=0, socket_factory=self._socket),
            timeout=aiohttp.ClientTimeout(total=None),
            headers=headers,
            auto_decompress=auto_decompress,
            read_bufsize=_LONGEST_LINE,
        )

    async def close(self, session: aiohttp.ClientSession) -> None:
        """End a session of this connection, and return when its sockets are closed.

        aiohttp does not wait for the TLS goodbye of a connection that it gave up in the middle of an answer; a
        loop that ends first leaves such a socket to the garbage collector.
        """
        await session.close()
        while left := [one for one in self._sockets if one.fileno() >= 0]:
            for one in left:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
            await asyncio.sleep(0.001)

    def _socket(self, address: aiohttp.AddrInfoType) -> socket.socket:
        family, kind, protocol, _name, _address = address
        made = socket.socket(family=family, type=kind, proto=protocol)
        self._sockets.add(made)
        return made

    def _context(self) -> ssl.SSLContext:
        authority = self._pem(self._cluster, "certificate-authority")
        context = ssl.create_default_context(cadata=authority.decode() if authority else None)
        if certificate := self._pem(self._user, "client-certificate"):
            with tempfile.TemporaryDirectory() as directory:
                pair = Path(directory, "pair.pem")
                pair.touch(mode=0o600)
                pair.write_bytes(certificate + b"\n" + self._pem(self._user, "client-key"))
                context.load_cert_chain(pair)
        return context

    def _pem(self, section: dict[str, Any], name: str) -> bytes:
        if data := section.get(f"{name}-data"):
            return base64.b64decode(data)
        return (self._base / section[name]).read_bytes() if name in section else b""
