# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One set of connection defaults reaches our modules and those of kubernetes.core."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from .project import NAME, ROOT

TOKEN = "token-of-the-group"


class Door(HTTPServer):
    """Lets nobody in, and remembers who knocked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Refuse)
        self.seen: list[str] = []


class Refuse(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Door)
        self.server.seen.append(self.headers.get("Authorization", ""))
        self.send_response(403)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the name is the library's
        pass


@pytest.fixture
def door() -> Iterator[Door]:
    with Door() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def play(task: dict[str, Any], server: Door) -> list[dict[str, Any]]:
    defaults = {"host": f"http://127.0.0.1:{server.server_port}", "api_key": TOKEN}
    return [
        {
            "name": "One group for both",
            "hosts": "localhost",
            "gather_facts": False,
            "module_defaults": {f"group/{NAME}.cluster": defaults},
            "tasks": [{"name": "Knock", "ignore_errors": True} | task],
        }
    ]


@pytest.mark.parametrize(
    "task",
    [
        {f"{NAME}.migration_network_info": {"namespace": "kubevirt"}},
        {"kubernetes.core.k8s_info": {"kind": "Pod"}},
    ],
    ids=["ours", "kubernetes.core"],
)
def test_the_group_feeds_both(task: dict[str, Any], door: Door, tmp_path: Path) -> None:
    fetch = [sys.executable, str(ROOT / "scripts/peers.py")]
    peers = subprocess.run(fetch, check=True, capture_output=True, text=True).stdout.strip()
    playbook, inventory = tmp_path / "play.yml", tmp_path / "hosts"
    playbook.write_text(yaml.safe_dump(play(task, door), sort_keys=False))
    inventory.write_text(f"localhost ansible_connection=local ansible_python_interpreter={sys.executable}\n")
    paths = os.pathsep.join([os.environ["ANSIBLE_COLLECTIONS_PATH"], peers])
    done = subprocess.run(
        [str(Path(sys.executable).with_name("ansible-playbook")), "-i", str(inventory), str(playbook)],
        check=False,
        capture_output=True,
        text=True,
        env=os.environ | {"ANSIBLE_COLLECTIONS_PATH": paths, "NO_PROXY": "127.0.0.1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(door.seen) == {f"Bearer {TOKEN}"}, done.stdout + done.stderr
