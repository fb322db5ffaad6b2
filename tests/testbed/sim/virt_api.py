# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""virt-api: its admission webhooks, registered under KubeVirt's own names and paths."""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable
from typing import Any

from ..kube import Conflict
from ..resources import Object
from ..site import Site
from ..versions import decentralized
from ..webhooks import ALLOWED, Verdict, denied
from . import virt_api_service, virt_api_vm, virt_api_vmi, virt_api_vmim
from .virt_api_refusal import Refusal

_PATHS = {
    # name of the webhook: path, resource, operations
    "virtualmachines-mutator": ("/virtualmachines-mutate", "virtualmachines", ("CREATE", "UPDATE")),
    "virtualmachineinstances-mutator": (
        "/virtualmachineinstances-mutate",
        "virtualmachineinstances",
        ("CREATE", "UPDATE"),
    ),
    "migrations-mutator": ("/migration-mutate-create", "virtualmachineinstancemigrations", ("CREATE",)),
    "virtualmachine-validator": ("/virtualmachines-validate", "virtualmachines", ("CREATE", "UPDATE")),
    "virtualmachineinstances-create-validator": (
        "/virtualmachineinstances-validate-create",
        "virtualmachineinstances",
        ("CREATE",),
    ),
    "virtualmachineinstances-update-validator": (
        "/virtualmachineinstances-validate-update",
        "virtualmachineinstances",
        ("UPDATE",),
    ),
    "migration-create-validator": (
        "/migration-validate-create",
        "virtualmachineinstancemigrations",
        ("CREATE",),
    ),
    "migration-update-validator": (
        "/migration-validate-update",
        "virtualmachineinstancemigrations",
        ("UPDATE",),
    ),
}


class VirtApi:
    """Answers admission requests; what it must look up it reads live or, the CR, from the cache."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.api = site.api("kubevirt-apiserver")
        self._kubevirts = site.store("kubevirts")
        site.webhooks.add("/virtualmachines-mutate", self._mutating(self._mutate_vm))
        site.webhooks.add("/virtualmachineinstances-mutate", self._mutating(self._mutate_vmi))
        site.webhooks.add("/migration-mutate-create", self._mutating(self._mutate_vmim))
        site.webhooks.add("/virtualmachines-validate", self._validating(self._check_vm))
        site.webhooks.add("/virtualmachineinstances-validate-create", self._validating(self._check_new_vmi))
        site.webhooks.add("/virtualmachineinstances-validate-update", self._validating(self._check_vmi))
        site.webhooks.add("/migration-validate-create", self._validating(self._check_new_vmim))
        site.webhooks.add("/migration-validate-update", self._validating(self._check_vmim))

    @property
    def config(self) -> dict[str, Any]:
        """`spec.configuration` of the KubeVirt CR."""
        for kubevirt in self._kubevirts.list():
            return kubevirt.get("spec", {}).get("configuration") or {}
        return {}

    @property
    def gate(self) -> bool:
        developer = self.config.get("developerConfiguration") or {}
        on = virt_api_vmim.GATE in (developer.get("featureGates") or [])
        return on and decentralized(self.site.kubevirt_version)

    def _mutate_vm(self, request: Object, new: Object) -> Object:
        return virt_api_vm.mutate(new, self.config, creating=request["operation"] == "CREATE")

    def _mutate_vmi(self, request: Object, new: Object) -> Object:
        writer, now = request["userInfo"]["username"], self.site.now()
        return virt_api_vmi.mutate(new, request.get("oldObject"), writer, self.config, now)

    def _mutate_vmim(self, _request: Object, new: Object) -> Object:
        return virt_api_vmim.mutate(new)

    async def _check_vm(self, request: Object) -> list[str]:
        return virt_api_vm.check(request["object"], gate=self.gate)

    async def _check_new_vmi(self, request: Object) -> list[str]:
        virt_api_vmi.check_create(request["object"], request["userInfo"]["username"])
        return []

    async def _check_vmi(self, request: Object) -> list[str]:
        writer = request["userInfo"]["username"]
        virt_api_vmi.check_update(request["object"], request["oldObject"], writer)
        return []

    async def _check_new_vmim(self, request: Object) -> list[str]:
        await virt_api_vmim.check_create(
            request["object"],
            writer=request["userInfo"]["username"],
            gate=self.gate,
            get_vmi=self._get_vmi,
            list_open=self._list_vmims,
        )
        return []

    async def _check_vmim(self, request: Object) -> list[str]:
        virt_api_vmim.check_update(request["object"], request["oldObject"])
        return []

    async def _get_vmi(self, namespace: str, name: str) -> Object | None:
        return await self.api.get("virtualmachineinstances", name, namespace)

    async def _list_vmims(self, namespace: str, name: str) -> list[Object]:
        label = f"{virt_api_vmim.VMI_NAME}={name}"
        return await self.api.list("virtualmachineinstancemigrations", namespace, labels=label)

    def _mutating(self, mutate: Callable[[Object, Object], Object]) -> Callable[[Object], Awaitable[Verdict]]:
        async def admit(request: Object) -> Verdict:
            before = request["object"]
            after = mutate(request, copy.deepcopy(before))
            return Verdict(patch=_patch(before, after))

        return admit

    def _validating(self, check: Callable[[Object], Awaitable[list[str]]]) -> Callable[[Object], Awaitable[Verdict]]:
        async def admit(request: Object) -> Verdict:
            try:
                warnings = await check(request)
            except Refusal as refusal:
                causes = tuple(cause._asdict() for cause in refusal.causes)
                return denied(refusal.message, code=refusal.code, reason=refusal.reason, causes=causes)
            return Verdict(warnings=tuple(warnings)) if warnings else ALLOWED

        return admit


def _patch(before: Object, after: Object) -> tuple[Object, ...]:
    """Whole parts are replaced, as virt-api does it."""
    parts = [part for part in ("metadata", "spec", "status") if before.get(part) != after.get(part)]
    return tuple(
        {"op": "add", "path": f"/{part}", "value": after[part]}
        if part in after
        else {"op": "remove", "path": f"/{part}"}
        for part in parts
    )


async def install(site: Site) -> None:
    """Serve the webhooks and tell the API server about them; the port is a new one at each start."""
    VirtApi(site)
    await site.store("kubevirts").synced()
    for key, name, suffix in (
        ("mutatingwebhookconfigurations", "virt-api-mutator", "-mutator"),
        ("validatingwebhookconfigurations", "virt-api-validator", "-validator"),
    ):
        webhooks = [_webhook(site, webhook, *rule) for webhook, rule in _PATHS.items() if webhook.endswith(suffix)]
        meta = {"name": name, "labels": {"kubevirt.io": "virt-api", "app.kubernetes.io/managed-by": "virt-operator"}}
        try:
            await site.api("kubevirt-operator").create(key, {"metadata": meta, "webhooks": webhooks})
        except Conflict:
            change = {"webhooks": webhooks}
            await site.api("kubevirt-operator").patch(key, name, change)


def _webhook(site: Site, name: str, path: str, resource: str, operations: tuple[str, ...]) -> Object:
    return {
        "name": f"{name}.kubevirt.io",
        "admissionReviewVersions": ["v1", "v1beta1"],
        "clientConfig": virt_api_service.client_config(site, path),
        "failurePolicy": "Fail",
        "sideEffects": "NoneOnDryRun" if name == "virtualmachine-validator" else "None",
        "timeoutSeconds": 10,
        "rules": [
            {
                "apiGroups": ["kubevirt.io"],
                "apiVersions": ["v1alpha3", "v1"],
                "operations": list(operations),
                "resources": [resource],
            }
        ],
    }
