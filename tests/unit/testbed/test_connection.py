# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A session that ends leaves no socket behind, not even that of an answer it gave up in the middle."""

from __future__ import annotations

import asyncio
import base64
import socket
from pathlib import Path

import aiohttp
import pytest
import yaml
from aiohttp import web
from testbed.connection import Connection
from testbed.pki import Authority


def test_the_socket_of_an_answer_given_up_is_closed_with_the_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[socket.socket] = []
    make = Connection._socket

    def kept(connection: Connection, address: aiohttp.AddrInfoType) -> socket.socket:
        made.append(make(connection, address))
        return made[-1]

    monkeypatch.setattr(Connection, "_socket", kept)

    async def story() -> list[int]:
        authority = Authority("test")
        application = web.Application()
        application.router.add_get("/", _endless)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=authority.server_context()).start()
        connection = Connection(_kubeconfig(tmp_path, authority, runner.addresses[0][1]))
        session = connection.session()
        await _give_up(session, connection.server)
        await connection.close(session)
        left = [one.fileno() for one in made]
        await runner.cleanup()
        return left

    assert asyncio.run(story()) == [-1]


async def _endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"the first of many\n")
    await asyncio.Event().wait()
    return response


async def _give_up(session: aiohttp.ClientSession, server: str) -> None:
    async with session.get(server + "/") as answer:
        assert await answer.content.readline() == b"the first of many\n"


def _kubeconfig(directory: Path, authority: Authority, port: int) -> Path:
    cluster = {
        "server": f"https://127.0.0.1:{port}",
        "certificate-authority-data": base64.b64encode(authority.pem).decode(),
    }
    content = {
        "clusters": [{"name": "test", "cluster": cluster}],
        "users": [{"name": "test", "user": {"token": "test"}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "current-context": "test",
    }
    path = directory / "kubeconfig"
    path.write_text(yaml.safe_dump(content))
    return path
