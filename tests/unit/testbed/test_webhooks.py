# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Admission answers as the API server wants them, over HTTPS."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable

import aiohttp
import pytest
from testbed.faults import Faults
from testbed.pki import Authority
from testbed.resources import Object
from testbed.webhooks import ALLOWED, Verdict, WebhookServer, denied

Post = Callable[[str], Awaitable[aiohttp.ClientResponse]]
REVIEW = {
    "apiVersion": "admission.k8s.io/v1",
    "kind": "AdmissionReview",
    "request": {"uid": "1", "operation": "CREATE"},
}


def _run(story: Callable[[WebhookServer, Faults, Post], Awaitable[None]]) -> None:
    async def run() -> None:
        authority, faults = Authority("test-ca"), Faults()
        server = WebhookServer(authority.server_context(), authority.pem, faults)
        await server.start()
        connector = aiohttp.TCPConnector(ssl=authority.client_context("kube-apiserver"))
        try:
            async with aiohttp.ClientSession(connector=connector) as session:
                await story(server, faults, lambda path: session.post(server.client_config(path)["url"], json=REVIEW))
        finally:
            await server.stop()

    asyncio.run(run())


def _answers(verdict: Verdict) -> Callable[[Object], Awaitable[Verdict]]:
    async def admit(request: Object) -> Verdict:
        assert request["operation"] == "CREATE"
        return verdict

    return admit


@pytest.mark.parametrize(
    ("verdict", "response"),
    [
        (ALLOWED, {"uid": "1", "allowed": True}),
        (Verdict(warnings=("careful",)), {"uid": "1", "allowed": True, "warnings": ["careful"]}),
        (
            denied("no", code=422, reason="Invalid", causes=({"message": "no", "field": "spec"},)),
            {
                "uid": "1",
                "allowed": False,
                "status": {
                    "status": "Failure",
                    "message": "no",
                    "reason": "Invalid",
                    "code": 422,
                    "details": {"causes": [{"message": "no", "field": "spec"}]},
                },
            },
        ),
    ],
)
def test_verdicts(verdict: Verdict, response: Object) -> None:
    async def story(server: WebhookServer, _faults: Faults, post: Post) -> None:
        server.add("/admit", _answers(verdict))
        answer = await (await post("/admit")).json()
        assert answer == {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}

    _run(story)


def test_a_patch_is_encoded() -> None:
    patch = {"op": "add", "path": "/metadata/labels", "value": {}}

    async def story(server: WebhookServer, _faults: Faults, post: Post) -> None:
        server.add("/admit", _answers(Verdict(patch=(patch,))))
        response = (await (await post("/admit")).json())["response"]
        assert response["patchType"] == "JSONPatch"
        assert json.loads(base64.b64decode(response["patch"])) == [patch]

    _run(story)


def test_a_path_nobody_serves_is_404() -> None:
    async def story(_server: WebhookServer, _faults: Faults, post: Post) -> None:
        assert (await post("/other")).status == 404

    _run(story)


def test_down_cuts_the_connection_where_it_is_told_to() -> None:
    async def story(server: WebhookServer, faults: Faults, post: Post) -> None:
        server.add("/admit", _answers(ALLOWED))
        server.add("/other", _answers(ALLOWED))
        faults.set("webhook-down", path="/adm*")
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await post("/admit")
        assert (await post("/other")).status == 200
        faults.clear()
        assert (await post("/admit")).status == 200

    _run(story)


def test_a_bug_is_an_error_of_the_server(capsys: pytest.CaptureFixture[str]) -> None:
    async def admit(_request: Object) -> Verdict:
        raise KeyError("spec")

    async def story(server: WebhookServer, _faults: Faults, post: Post) -> None:
        server.add("/admit", admit)
        answer = await post("/admit")
        assert (answer.status, await answer.text()) == (500, "KeyError: 'spec'")

    _run(story)
    assert "test_webhooks.py" in capsys.readouterr().err
