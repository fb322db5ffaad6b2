# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""HCO: makes the KubeVirt CR from the HyperConverged resource, and takes back what anybody else writes into it.

After `controllers/handlers/kubevirt.go` of the releases in `hco_spec`. Its other components (CDI, SSP, network
add-ons) are not there. From 1.18 on the API is v1beta1 and v1, each with a webhook of its own; from 1.19 on HCO itself
works with v1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import ClassVar

from ..controller import Controller, itself, split_key
from ..faults import register
from ..kube import Conflict
from ..resources import Object
from ..site import Site
from ..webhooks import ALLOWED, Verdict, denied
from .hco_conversion import V1, V1BETA1, converted
from .hco_spec import HAS_V1, JSON_PATCH, STORES_V1, VERSIONS, BadPatch, kubevirt_spec, refusal, same_spec

STUCK = register("hco-stuck", "HCO no longer carries its resource into the KubeVirt CR")

_NAME = "kubevirt-hyperconverged"
_WEBHOOK = "validate-hco.kubevirt.io"
_HOOKS = {"v1beta1": "validate-hco-v1beta1.kubevirt.io", "v1": _WEBHOOK}
_STUCK_SECONDS = 0.2
_DONE = "Reconcile completed successfully"


async def install(site: Site) -> None:
    """The webhook and the resource, as after an installation without any choice of the user."""
    if not site.settings.hco:
        return
    release = site.settings.hco
    api = site.api("hyperconverged-cluster-operator")

    async def validate(request: Object) -> Verdict:
        found = refusal(_known(request["object"]), VERSIONS[release])
        return ALLOWED if found is None else denied(found, code=403, reason="Forbidden")

    site.webhooks.add_conversion("/convert", partial(converted, keeps=release in STORES_V1))
    versions = ("v1beta1", "v1") if release in HAS_V1 else ("v1beta1",)
    for version in versions:
        site.webhooks.add(_path(version), validate)
    hooks = [_webhook(site, version) for version in versions]
    try:
        await api.create("validatingwebhookconfigurations", {"metadata": {"name": _WEBHOOK}, "webhooks": hooks})
    except Conflict:
        await api.patch("validatingwebhookconfigurations", _WEBHOOK, {"webhooks": hooks})
    try:
        await api.create(_key(site), {"metadata": {"name": _NAME, "namespace": site.kubevirt_namespace}, "spec": {}})
    except Conflict:
        return  # the bed starts again on what it left


def _key(site: Site) -> str:
    """The kind in the version that the operator itself works with."""
    return "hyperconvergeds-v1" if site.settings.hco in STORES_V1 else "hyperconvergeds"


def _known(body: Object) -> Object:
    """The resource in the words of v1beta1."""
    return body if body["apiVersion"] == V1BETA1 else converted(body, V1BETA1)


def _path(version: str) -> str:
    return f"/validate-hco-kubevirt-io-{version}-hyperconverged"


class HyperconvergedOperator(Controller):
    """Of one cluster; there is one HyperConverged resource."""

    name: ClassVar[str] = "hyperconverged-cluster-operator"
    workers: ClassVar[int] = 1

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self._api = site.api("hyperconverged-cluster-operator")

    def watches(self) -> dict[str, Callable[[Object], Iterable[str]]]:
        if not self.site.settings.hco:
            return {}
        return {_key(self.site): itself, "kubevirts": lambda kubevirt: [f"{kubevirt['metadata']['namespace']}/{_NAME}"]}

    async def reconcile(self, key: str) -> float | None:
        namespace, name = split_key(key)
        body = self.store(_key(self.site)).get(name, namespace)
        if body is None or "deletionTimestamp" in body["metadata"]:
            return None
        if self.site.faults.get(STUCK) is not None:
            return _STUCK_SECONDS
        version = VERSIONS[self.site.settings.hco]
        try:
            spec = kubevirt_spec(_known(body), version)
        except BadPatch as error:
            await self._tell(body, None, f"invalid jsonPatch in the {JSON_PATCH} annotation: {error}")
            return None
        kubevirt = self.store("kubevirts").get(self.site.kubevirt_name, namespace)
        if kubevirt is None:
            await self._api.create("kubevirts", self._new(body, spec, version))
        elif not same_spec(kubevirt["spec"], spec):
            # Virt-operator's own empty parts stay; everything else is as the resource says.
            empty = {part: value for part, value in kubevirt["spec"].items() if value == {}}
            await self._api.update("kubevirts", {**kubevirt, "spec": empty | spec})
        await self._tell(body, kubevirt, "")
        return None

    def _new(self, body: Object, spec: Object, version: str) -> Object:
        labels = {
            "app": body["metadata"]["name"],
            "app.kubernetes.io/component": "compute",
            "app.kubernetes.io/managed-by": "hco-operator",
            "app.kubernetes.io/part-of": "hyperconverged-cluster",
            "app.kubernetes.io/version": version,
        }
        owner = {
            "apiVersion": V1 if self.site.settings.hco in STORES_V1 else V1BETA1,
            "kind": "HyperConverged",
            "name": body["metadata"]["name"],
            "uid": body["metadata"]["uid"],
            "controller": True,
            "blockOwnerDeletion": True,
        }
        metadata = {
            "name": self.site.kubevirt_name,
            "namespace": body["metadata"]["namespace"],
            "labels": labels,
            "ownerReferences": [owner],
        }
        return {"metadata": metadata, "spec": spec}

    async def _tell(self, body: Object, kubevirt: Object | None, trouble: str) -> None:
        """Conditions, of which KubeVirt's are part; times move only with what they are about."""
        states = {each["type"]: each["status"] for each in ((kubevirt or {}).get("status") or {}).get("conditions", [])}
        good = {
            "ReconcileComplete": "False" if trouble else "True",
            "Available": states.get("Available", "False"),
            "Progressing": states.get("Progressing", "True"),
            "Degraded": "True" if trouble else states.get("Degraded", "False"),
            "Upgradeable": states.get("Available", "False"),
        }
        if JSON_PATCH in (body["metadata"].get("annotations") or {}):
            good["TaintedConfiguration"] = "True"
        old = {each["type"]: each for each in (body.get("status") or {}).get("conditions", [])}
        status = {
            **(body.get("status") or {}),
            "conditions": [self._condition(kind, state, old.get(kind), trouble) for kind, state in good.items()],
            "observedGeneration": body["metadata"]["generation"],
            "versions": [{"name": "operator", "version": VERSIONS[self.site.settings.hco]}],
        }
        if status != body.get("status"):
            await self._api.update_status(_key(self.site), {**body, "status": status})

    def _condition(self, kind: str, state: str, old: Object | None, trouble: str) -> Object:
        message, reason = trouble or _DONE, "ReconcileFailed" if trouble else "ReconcileCompleted"
        if kind == "TaintedConfiguration":
            message = "Unsupported feature was activated via an HCO annotation"
            reason = "UnsupportedFeatureAnnotation"
        since = old["lastTransitionTime"] if old is not None and old["status"] == state else self.site.now()
        return {"type": kind, "status": state, "message": message, "reason": reason, "lastTransitionTime": since}


def _webhook(site: Site, version: str) -> Object:
    rule = {
        "apiGroups": ["hco.kubevirt.io"],
        "apiVersions": [version],
        "operations": ["CREATE", "UPDATE"],
        "resources": ["hyperconvergeds"],
        "scope": "*",
    }
    return {
        "name": _HOOKS[version],
        "clientConfig": site.webhooks.client_config(_path(version)),
        "rules": [rule],
        "matchPolicy": "Exact",
        "failurePolicy": "Fail",
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "timeoutSeconds": 10,
    }
