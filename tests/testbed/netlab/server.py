# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The process that holds a lab: all namespaces, bridges and tunnels are gone when it is.

It reads one JSON request a line and answers each with one; a request is the name of a method and its arguments.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from typing import Any

from .namespaces import Namespace, enter_own
from .vtep import Vtep

UNDERLAY, BRIDGE = "underlay", "br"


class Node:
    """One cluster: a namespace with its underlay address, and a bridge once it has a segment."""

    def __init__(self, number: int, namespace: Namespace) -> None:
        self.number, self.namespace = number, namespace
        self.address = f"10.99.0.{number}"
        self.vtep: Vtep | None = None


class Server:
    """The lab."""

    def __init__(self) -> None:
        self._outer = os.open("/proc/self/ns/net", os.O_RDONLY)
        self._middle = self._namespace()
        self._middle.netlink.bridge(UNDERLAY, 9500)
        self._nodes: dict[str, Node] = {}
        self._pods: dict[str, tuple[Node, str, Namespace]] = {}
        self._processes: dict[str, list[asyncio.subprocess.Process]] = {}
        self._listeners: list[socket.socket] = []
        self._number = 0

    async def answer(self, line: str) -> str:
        request = json.loads(line)
        try:
            method = getattr(self, f"do_{request['do']}")
            result = method(**request["with"])
            reply = {"result": await result if asyncio.iscoroutine(result) else result}
        except (OSError, KeyError, TypeError) as error:
            reply = {"error": f"{type(error).__name__}: {error}"}
        return json.dumps({"id": request["id"]} | reply)

    def do_node(self, name: str, underlay_mtu: int) -> None:
        """A cluster's node on the underlay."""
        self._number += 1
        node = self._nodes[name] = Node(self._number, self._namespace())
        port = f"u{node.number}"
        self._middle.netlink.veth(port, "underlay0", node.namespace.file, mtu=underlay_mtu)
        self._middle.netlink.change(port, up=True, master=UNDERLAY)
        node.namespace.netlink.address("underlay0", f"{node.address}/24")
        node.namespace.netlink.complete_checksums("underlay0")
        node.namespace.netlink.change("underlay0", up=True)
        node.namespace.netlink.bridge(BRIDGE, 9500)

    def do_join(self, node: str, vni: int) -> None:
        """Connect the node's bridge to the VNI, and so to all nodes that are in it."""
        here = self._nodes[node]
        self.do_leave(node)
        with here.namespace.inside():
            here.namespace.netlink.veth("vni", "vni-end", here.namespace.file, mtu=9500)
            here.namespace.netlink.change("vni", up=True, master=BRIDGE)
            here.namespace.netlink.change("vni-end", up=True)
            here.vtep = Vtep(vni, "vni-end", here.address, set())
        self._meet()

    def do_leave(self, node: str) -> None:
        """Out of the VNI: its pods have their bridge and nothing beyond."""
        here = self._nodes[node]
        if here.vtep is not None:
            here.vtep.close()
            here.vtep = None
            here.namespace.netlink.delete("vni")
            self._meet()

    def do_underlay(self, node: str, mtu: int) -> None:
        """What the node's own link to the underlay carries."""
        here = self._nodes[node]
        here.namespace.netlink.change("underlay0", mtu=mtu)
        self._middle.netlink.change(f"u{here.number}", mtu=mtu)

    def do_refuse(self, node: str, sender: str, refuse: bool) -> None:
        """Lose the underlay packets of one node on their way to another, one way."""
        vtep = self._nodes[node].vtep
        if vtep is not None:
            change = vtep.refused.add if refuse else vtep.refused.discard
            change(self._nodes[sender].address)

    def do_pod(self, node: str, name: str, addresses: list[str], mac: str, mtu: int, echo: bool = True) -> None:
        """A pod whose migration0 is a port of the node's bridge.

        :param echo: its sysctl lets everybody in it send ICMP echo.
        """
        here, namespace = self._nodes[node], self._namespace()
        self._number += 1
        port = f"p{self._number}"
        here.namespace.netlink.veth(port, "migration0", namespace.file, mtu=mtu, mac=mac)
        here.namespace.netlink.change(port, up=True, master=BRIDGE)
        for address in addresses:
            namespace.netlink.address("migration0", address)
        namespace.netlink.complete_checksums("migration0")
        namespace.netlink.change("migration0", up=True)
        if echo:
            namespace.let_all_ping()
        self._pods[name] = (here, port, namespace)

    def do_remove(self, name: str) -> None:
        """Take a pod away."""
        if name not in self._pods:
            return
        here, port, namespace = self._pods.pop(name)
        for process in self._processes.pop(name, []):
            if process.returncode is None:
                process.kill()
        here.namespace.netlink.delete(port)
        namespace.close()

    def do_listen(self, pod: str, port: int) -> None:
        """Accept TCP connections in a pod."""
        with self._pods[pod][2].inside():
            listener = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
        self._listeners.append(listener)

    async def do_run(self, pod: str, command: list[str], folder: str, privileged: bool) -> dict[str, Any]:
        """Run a program in a pod to its end."""
        prepare = self._pods[pod][2].before_exec(privileged=privileged)
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            preexec_fn=prepare,
        )
        self._processes.setdefault(pod, []).append(process)
        output, _nothing = await process.communicate()
        return {"code": process.returncode, "output": output.decode(errors="replace")}

    def _namespace(self) -> Namespace:
        return Namespace(outer=self._outer)

    def _meet(self) -> None:
        members = [node for node in self._nodes.values() if node.vtep is not None]
        for node in members:
            assert node.vtep is not None
            node.vtep.others = {other.address for other in members if other is not node}


async def serve() -> None:
    """Until standard input ends."""
    loop, server = asyncio.get_running_loop(), Server()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    tasks: set[asyncio.Task[None]] = set()

    async def handle(line: str) -> None:
        print(await server.answer(line), flush=True)

    while line := await reader.readline():
        task = asyncio.create_task(handle(line.decode()))
        tasks.add(task)
        task.add_done_callback(tasks.discard)


if __name__ == "__main__":
    enter_own()
    asyncio.run(serve())
