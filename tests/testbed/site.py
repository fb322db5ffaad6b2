# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One cluster as its simulators see it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import aiohttp

from . import versions
from .fabric import Fabric
from .faults import Faults
from .kube import Api
from .pki import Authority
from .settings import Settings
from .store import Store
from .webhooks import WebhookServer

OPENPEROUTER_NAMESPACE = "openperouter-system"

# An object of a VM with its status and managed fields is one line of a watch; they may be long.
_LONGEST_LINE = 8 * 2**20


class Site:
    """Name, API clients, caches, faults, settings and webhooks of one cluster."""

    def __init__(
        self,
        name: str,
        index: int,
        *,
        server: str,
        authority: Authority,
        directory: Path,
        settings: Settings,
        fabric: Fabric,
        log: Callable[[str], None],
    ) -> None:
        self.name = name
        self.index = index
        """Number of the site in the bed, from 0; for address ranges that must differ."""
        self.server = server
        self.directory = directory
        self.settings = settings
        self.fabric = fabric
        self.faults = Faults()
        self.authority = authority
        self.webhooks = WebhookServer(authority.server_context(), authority.pem, self.faults)
        self._log = log
        self._apis: dict[str, Api] = {}
        self._sessions: list[aiohttp.ClientSession] = []
        self._stores: dict[str, Store] = {}

    def api(self, identity: str) -> Api:
        """A client under an identity such as "kubevirt-controller"; all of them are cluster administrators."""
        if identity not in self._apis:
            self._apis[identity] = Api(self._session(self.user_name(identity)), self.server, identity)
        return self._apis[identity]

    def store(self, key: str) -> Store:
        """The cache of a kind, shared by all simulators of the site, started on first use."""
        if key not in self._stores:
            self._stores[key] = Store(self.api("testbed-informer"), key)
            self._stores[key].start()
        return self._stores[key]

    def stores(self) -> dict[str, Store]:
        return dict(self._stores)

    def now(self) -> str:
        return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def log(self, message: str) -> None:
        self._log(f"{self.name}: {message}")

    @property
    def nodes(self) -> list[str]:
        return [f"{self.name}-node-{number + 1}" for number in range(self.settings.nodes)]

    @property
    def kubevirt_version(self) -> str:
        """The release of KubeVirt that runs."""
        return self.settings.kubevirt_version or versions.kubevirt(self.settings.harvester)

    @property
    def kubevirt_namespace(self) -> str:
        """Where KubeVirt is installed."""
        if self.settings.hco:
            return self.settings.kubevirt_namespace or "kubevirt-hyperconverged"
        return self.settings.kubevirt_namespace or ("harvester-system" if self.settings.harvester else "kubevirt")

    @property
    def kubevirt_name(self) -> str:
        """The name of the KubeVirt CR; HCO gives its own."""
        return "kubevirt-kubevirt-hyperconverged" if self.settings.hco else "kubevirt"

    def user_name(self, identity: str) -> str:
        """The user name an identity has in the cluster: that of a service account, or its own."""
        # Identities with these prefixes are service accounts of these namespaces.
        accounts = {"kubevirt-": self.kubevirt_namespace, "openperouter-": OPENPEROUTER_NAMESPACE}
        for prefix, namespace in accounts.items():
            if identity.startswith(prefix):
                return f"system:serviceaccount:{namespace}:{identity}"
        return identity

    @property
    def pod_cidr(self) -> str:
        return self.settings.pod_cidr or f"10.{64 + self.index}.0.0/16"

    async def close(self) -> None:
        for store in self._stores.values():
            await store.stop()
        await self.webhooks.stop()
        for session in self._sessions:
            await session.close()

    def _session(self, name: str) -> aiohttp.ClientSession:
        # A common name holds 64 characters; that of some service accounts is longer, so all are impersonated.
        context = self.authority.client_context("testbed", ["system:masters"])
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=context, limit=0),
            timeout=aiohttp.ClientTimeout(total=60),
            headers={
                "User-Agent": f"{name.rpartition(':')[2]}/testbed",
                "Impersonate-User": name,
                "Impersonate-Group": "system:masters",
            },
            read_bufsize=_LONGEST_LINE,
        )
        self._sessions.append(session)
        return session
