# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real control plane of one cluster: etcd, API server, controller manager, scheduler."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import yaml

from .pki import Authority, service_account_keys
from .process import Process, free_ports

# Of the controller manager only what acts on the objects a migration meets; each of these is as upstream.
_CONTROLLERS = (
    "clusterrole-aggregation-controller",
    "daemonset-controller",
    "deployment-controller",
    "disruption-controller",
    "garbage-collector-controller",
    "namespace-controller",
    "node-lifecycle-controller",
    "pod-garbage-collector-controller",
    "replicaset-controller",
    "resourcequota-controller",
    "root-ca-certificate-publisher-controller",
    "serviceaccount-controller",
    "serviceaccount-token-controller",
)
# Every write with its user; reads and questions about rights would only bury them.
_AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {"level": "None", "verbs": ["get", "list", "watch"]},
        {
            "level": "None",
            "resources": [{"group": "authorization.k8s.io"}, {"group": "authentication.k8s.io"}],
        },
        {"level": "Metadata"},
    ],
}
_READY_SECONDS = 120.0
_LOOK_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Ports:
    api: int
    etcd: int
    peer: int


class Cluster:
    """Processes, certificates and kubeconfigs of one cluster, all under one directory."""

    def __init__(self, name: str, directory: Path, program: Path, service_cidr: str, pod_cidr: str) -> None:
        self.name = name
        self.directory = directory
        self.authority = Authority(f"{name}-ca")
        self.ports = Ports(*free_ports(3))
        self._service_cidr = service_cidr
        self._pod_cidr = pod_cidr
        self._program = program
        self.processes: dict[str, Process] = {}

    @property
    def server(self) -> str:
        return f"https://127.0.0.1:{self.ports.api}"

    @property
    def kubeconfig(self) -> Path:
        return self.directory.parent / f"{self.name}.kubeconfig"

    @property
    def audit_log(self) -> Path:
        return self.directory / "audit.log"

    async def start_api(self, ended: Callable[[str], None]) -> None:
        """etcd and the API server, up to its first right answer; roles are made while others go on."""
        self.directory.mkdir(parents=True)
        self._write_files()
        await self._start("etcd", self._etcd_flags(), ended)
        await self._start("kube-apiserver", self._api_flags(), ended)
        await self.answers("/readyz?exclude=rbac/bootstrap-roles&exclude=scheduling/bootstrap-system-priority-classes")

    async def start_controllers(self, ended: Callable[[str], None]) -> None:
        """After the CRDs are in: the garbage collector looks for new kinds only twice a minute."""
        await self._start("kube-controller-manager", self._controller_flags(), ended)
        await self._start("kube-scheduler", self._scheduler_flags(), ended)

    async def answers(self, path: str) -> None:
        """Wait until the API server says 200 on a health path; Ended when one of its processes dies first."""
        context = ssl.create_default_context(cadata=self.authority.pem.decode())
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session,
            asyncio.timeout(_READY_SECONDS),
        ):
            while not await _healthy(session, self.server + path):
                for process in self.processes.values():
                    process.check()
                await asyncio.sleep(_LOOK_SECONDS)

    def write_kubeconfig(self, user: str, groups: Sequence[str], path: Path, server: str = "", ca: bytes = b"") -> Path:
        """A kubeconfig with a certificate of its own for a user of some groups."""
        pair = self.authority.client(user, groups)
        cluster = {"server": server or self.server, "certificate-authority-data": _data(ca or self.authority.pem)}
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": self.name, "cluster": cluster}],
            "users": [
                {
                    "name": user,
                    "user": {
                        "client-certificate-data": _data(pair.certificate),
                        "client-key-data": _data(pair.key),
                    },
                }
            ],
            "contexts": [{"name": self.name, "context": {"cluster": self.name, "user": user}}],
            "current-context": self.name,
        }
        path.touch(mode=0o600)
        path.write_text(yaml.safe_dump(content, sort_keys=False))
        return path

    async def stop(self) -> None:
        await asyncio.gather(*(process.stop() for process in self.processes.values()))

    async def _start(self, name: str, flags: Sequence[str], ended: Callable[[str], None]) -> None:
        process = Process(f"{self.name} {name}", [self._program, name, *flags], self.directory / f"{name}.log")
        self.processes[name] = process
        await process.start(ended)

    def _write_files(self) -> None:
        directory = self.directory
        (directory / "ca.crt").write_bytes(self.authority.pem)
        self.authority.server("kube-apiserver", ["127.0.0.1", "localhost", "kubernetes.default.svc"]).write(
            directory, "api"
        )
        service_account_keys().write(directory, "service-account")
        (directory / "audit-policy.yaml").write_text(json.dumps(_AUDIT_POLICY))
        self.audit_log.touch()
        self.write_kubeconfig("admin", ["system:masters"], self.kubeconfig)
        for component in ("kube-controller-manager", "kube-scheduler"):
            self.write_kubeconfig(f"system:{component}", ["system:masters"], directory / f"{component}.kubeconfig")

    def _etcd_flags(self) -> list[str]:
        return [
            f"--data-dir={self.directory / 'etcd'}",
            f"--client-url=http://127.0.0.1:{self.ports.etcd}",
            f"--peer-url=http://127.0.0.1:{self.ports.peer}",
        ]

    def _api_flags(self) -> list[str]:
        directory = self.directory
        return [
            f"--etcd-servers=http://127.0.0.1:{self.ports.etcd}",
            f"--secure-port={self.ports.api}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            # A loopback address is refused as the endpoint of the service `kubernetes`.
            "--endpoint-reconciler-type=none",
            f"--tls-cert-file={directory / 'api.crt'}",
            f"--tls-private-key-file={directory / 'api.key'}",
            f"--client-ca-file={directory / 'ca.crt'}",
            "--authorization-mode=RBAC",
            f"--service-cluster-ip-range={self._service_cidr}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={directory / 'service-account.crt'}",
            f"--service-account-signing-key-file={directory / 'service-account.key'}",
            f"--audit-policy-file={directory / 'audit-policy.yaml'}",
            f"--audit-log-path={self.audit_log}",
            "--audit-log-format=json",
            "--allow-privileged=true",
            # Fair queueing would hold back the many identities of one machine for nothing.
            "--enable-priority-and-fairness=false",
            "--max-requests-inflight=3000",
            "--max-mutating-requests-inflight=1000",
            "--profiling=false",
        ]

    def _controller_flags(self) -> list[str]:
        directory = self.directory
        return [
            f"--kubeconfig={directory / 'kube-controller-manager.kubeconfig'}",
            f"--controllers={','.join(_CONTROLLERS)}",
            f"--root-ca-file={directory / 'ca.crt'}",
            f"--service-account-private-key-file={directory / 'service-account.key'}",
            f"--cluster-cidr={self._pod_cidr}",
            "--leader-elect=false",
            "--secure-port=0",
            "--kube-api-qps=1000",
            "--kube-api-burst=2000",
            # A busy machine must not look like dead nodes; simulated ones die by a fault.
            "--node-monitor-grace-period=10m",
            "--profiling=false",
        ]

    def _scheduler_flags(self) -> list[str]:
        return [
            f"--kubeconfig={self.directory / 'kube-scheduler.kubeconfig'}",
            "--leader-elect=false",
            "--secure-port=0",
            "--kube-api-qps=1000",
            "--kube-api-burst=2000",
            "--profiling=false",
        ]


async def _healthy(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(url) as answer:
            return answer.status == 200
    except aiohttp.ClientConnectionError:
        return False


def _data(pem: bytes) -> str:
    return base64.b64encode(pem).decode()
