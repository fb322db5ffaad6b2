# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Record objects of a running cluster as rows, one watch in one thread for each collection."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

import urllib3
from kubernetes import client, config

from conformance.rows import Object, Row, row

# API path of every collection the recordings follow; {ns} is filled with the namespace asked for.
KUBEVIRT = "/apis/kubevirt.io/v1/namespaces/{ns}"
PATHS = {
    "KubeVirt": f"{KUBEVIRT}/kubevirts",
    "DaemonSet": "/apis/apps/v1/namespaces/{ns}/daemonsets",
    "Deployment": "/apis/apps/v1/namespaces/{ns}/deployments",
    "Pod": "/api/v1/namespaces/{ns}/pods",
    "ConfigMap": "/api/v1/namespaces/{ns}/configmaps",
    "Secret": "/api/v1/namespaces/{ns}/secrets",
    "Lease": "/apis/coordination.k8s.io/v1/namespaces/{ns}/leases",
    "VirtualMachine": f"{KUBEVIRT}/virtualmachines",
    "VirtualMachineInstance": f"{KUBEVIRT}/virtualmachineinstances",
    "VirtualMachineInstanceMigration": f"{KUBEVIRT}/virtualmachineinstancemigrations",
}


class Recorder:
    """Follows `kinds` in `namespace` of each site; `with Recorder(...) as tape:` then `tape.rows`.

    `wanted(row)` keeps the rows of interest. `until(test, seconds)` blocks until a test of the rows holds.
    """

    def __init__(
        self,
        kubeconfigs: dict[str, Path],
        kinds: Iterable[str],
        namespace: str,
        wanted: Callable[[Row], bool] = lambda row: True,
    ) -> None:
        self.rows: list[Row] = []
        self.objects: dict[tuple[str, str, str], Object] = {}  # newest version by site, kind, name
        self._told: dict[tuple[str, str, str], int] = {}  # newest version told of every object that there is
        self._begun = time.monotonic()
        self._changed = threading.Condition()
        self._open: list[urllib3.BaseHTTPResponse] = []
        self._closing = False
        self._wanted = wanted
        self._apis = {site: config.new_client_from_config(str(path)) for site, path in kubeconfigs.items()}
        self._jobs = [(site, kind, PATHS[kind].format(ns=namespace)) for site in kubeconfigs for kind in kinds]

    def __enter__(self) -> Recorder:
        for site, kind, path in self._jobs:
            version = self._list(site, kind, path)
            arguments = (site, kind, path, version)
            threading.Thread(target=self._follow, args=arguments, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing = True
        for response in self._open:
            response.shutdown()
        for api in self._apis.values():
            api.close()

    def until(self, test: Callable[[list[Row]], bool], seconds: float, what: str = "what was waited for") -> None:
        """Block until `test(rows)` holds; fail with `what` and the last rows after `seconds`."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while not test(self.rows):
                left = deadline - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    last = "\n".join(json.dumps(each)[:300] for each in self.rows[-8:])
                    raise AssertionError(f"not seen within {seconds} s: {what}; last rows:\n{last}")

    def quiet(self, seconds: float, within: float = 60.0) -> None:
        """Block until nothing changed for so many seconds: whoever acted has come to rest."""
        deadline = time.monotonic() + within
        with self._changed:
            while self._changed.wait(seconds):
                assert time.monotonic() < deadline, f"no {seconds} s without a change within {within} s"

    def catch_up(self, within: float = 60.0) -> None:
        """Block until the watches have told all that the API servers hold now: what was read may be ahead of them."""
        deadline = time.monotonic() + within
        for site, kind, path in self._jobs:
            items = json.loads(self._get(site, path, watch=False).data)["items"]
            there = {item["metadata"]["name"]: int(item["metadata"]["resourceVersion"]) for item in items}
            with self._changed:
                while late := self._late(site, kind, there):
                    assert time.monotonic() < deadline, f"{kind} at {site}: not told of {late} within {within} s"
                    self._changed.wait(0.1)  # objects that are not wanted wake nobody

    def _late(self, site: str, kind: str, there: dict[str, int]) -> list[str]:
        told = {name: version for (where, what, name), version in self._told.items() if (where, what) == (site, kind)}
        # One that is no longer there is late until its end was told.
        return [name for name in there.keys() | told.keys() if told.get(name, 0) < there.get(name, math.inf)]

    def _list(self, site: str, kind: str, path: str) -> str:
        answer = json.loads(self._get(site, path, watch=False).data)
        for item in answer["items"]:
            self._note(site, "ADDED", {"kind": kind, **item})
        return str(answer["metadata"]["resourceVersion"])

    def _follow(self, site: str, kind: str, path: str, version: str) -> None:
        query = f"?watch=1&allowWatchBookmarks=false&resourceVersion={version}"
        response = self._get(site, path + query, watch=True)
        self._open.append(response)
        rest = b""
        try:
            for chunk in response.stream(amt=None, decode_content=False):
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    event = json.loads(line)
                    self._note(site, event["type"], {"kind": kind, **event["object"]})
        except (urllib3.exceptions.HTTPError, ValueError, OSError):
            # Closing the recorder cuts the stream; a cut for any other reason must not pass unseen.
            if not self._closing:
                raise

    def _get(self, site: str, path: str, *, watch: bool) -> urllib3.BaseHTTPResponse:
        api: client.ApiClient = self._apis[site]
        pool: Any = api.rest_client.pool_manager
        headers = {"Accept": "application/json"}
        if token := api.configuration.get_api_key_with_prefix("authorization"):
            headers["Authorization"] = token
        timeout = urllib3.Timeout(connect=5, read=None if watch else 10)
        url = api.configuration.host + path
        answer: urllib3.BaseHTTPResponse = pool.request(
            "GET", url, headers=headers, preload_content=not watch, timeout=timeout
        )
        assert answer.status == 200, f"GET {path} at {site}: {answer.status}"
        return answer

    def _note(self, site: str, event: str, obj: Object) -> None:
        key = (site, obj["kind"], obj["metadata"]["name"])
        with self._changed:
            self._told.pop(key, None)
            if event != "DELETED":
                self._told[key] = int(obj["metadata"]["resourceVersion"])
            line = row(time.monotonic() - self._begun, site, event, obj)
            line["version"] = int(obj["metadata"]["resourceVersion"])
            if self._wanted(line):
                self.rows.append(line)
                self.objects[key] = obj
                self._changed.notify_all()
