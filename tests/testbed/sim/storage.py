# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Storage of a cluster: claims get volumes, CDI fills DataVolumes; both without any data.

Two classes: `standard` binds at once and is the default, `local` waits for the first pod.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ..controller import Controller, itself, key_of, owner, split_key
from ..faults import register
from ..kube import Conflict
from ..resources import Object
from ..site import Site
from . import vmi as it

UNPROVISIONED = register("claim-pending", "claims get no volume", claim="namespace/name, wildcards allowed")
IMPORT_FAILED = register("data-volume-failed", "DataVolumes fail", volume="namespace/name, wildcards allowed")

CLASSES = {"standard": "Immediate", "local": "WaitForFirstConsumer"}
PROVISIONER = "storage.testbed.example"
_SELECTED_NODE = "volume.kubernetes.io/selected-node"
_DEFAULT = "storageclass.kubernetes.io/is-default-class"
_PROTECTION = "kubernetes.io/pvc-protection"
CLAIMS, VOLUMES, DATA_VOLUMES = "persistentvolumeclaims", "persistentvolumes", "datavolumes"


async def install(site: Site) -> None:
    for name, mode in CLASSES.items():
        meta: Object = {"name": name, "annotations": {_DEFAULT: "true"} if mode == "Immediate" else {}}
        body = {"metadata": meta, "provisioner": PROVISIONER, "volumeBindingMode": mode, "reclaimPolicy": "Delete"}
        try:
            await site.api("storage").create("storageclasses", body)
        except Conflict:
            continue  # from an earlier start


class Provisioner(Controller):
    """Binds claims of its classes, and lets deleted claims go once no pod uses them."""

    name = "storage"

    def watches(self) -> dict[str, Callable[[Object], Iterable[str]]]:
        return {CLAIMS: itself, "pods": _claims_of_pod}

    async def start(self) -> None:
        self.site.faults.subscribe(self._on_fault)

    async def reconcile(self, key: str) -> float | None:
        namespace, name = split_key(key)
        claim = self.store(CLAIMS).get(name, namespace)
        if claim is None:
            return None
        if it.deleting(claim):
            await self._release(key, claim)
        elif it.phase(claim) in ("", "Pending") and self._may_bind(key, claim):
            await self._bind(claim)
        return None

    def _may_bind(self, key: str, claim: Object) -> bool:
        mode = CLASSES.get(claim["spec"].get("storageClassName", ""))
        if mode is None or self.site.faults.get(UNPROVISIONED, claim=key) is not None:
            return False
        return mode == "Immediate" or _SELECTED_NODE in it.annotated(claim)

    async def _bind(self, claim: Object) -> None:
        api, meta, spec = self.site.api("storage"), claim["metadata"], claim["spec"]
        volume = f"pvc-{meta['uid']}"
        size = spec["resources"]["requests"]["storage"]
        try:
            await api.create(VOLUMES, {"metadata": {"name": volume}, "spec": _volume_spec(claim, volume)})
            await api.patch(VOLUMES, volume, {"status": {"phase": "Bound"}}, subresource="status")
        except Conflict:
            pass  # made by an attempt that got no further
        marks = {"pv.kubernetes.io/bind-completed": "yes", "pv.kubernetes.io/bound-by-controller": "yes"}
        bound = {"metadata": {"annotations": marks}, "spec": {"volumeName": volume}}
        await api.patch(CLAIMS, meta["name"], bound, meta["namespace"])
        status = {"phase": "Bound", "accessModes": spec["accessModes"], "capacity": {"storage": size}}
        await api.patch(CLAIMS, meta["name"], {"status": status}, meta["namespace"], "status")

    async def _release(self, key: str, claim: Object) -> None:
        """The protection comes off when no pod that lives uses the claim; its volume goes with it."""
        meta, api = claim["metadata"], self.site.api("storage")
        users = self.store("pods").list(meta["namespace"], lambda pod: key in _claims_of_pod(pod))
        if any(not it.pod_is_down(pod) for pod in users):
            return
        if _PROTECTION in it.finalizers(claim):
            kept = [one for one in it.finalizers(claim) if one != _PROTECTION]
            await api.patch(CLAIMS, meta["name"], {"metadata": {"finalizers": kept}}, meta["namespace"])
        if volume := claim["spec"].get("volumeName"):
            await api.patch(VOLUMES, volume, {"metadata": {"finalizers": []}})
            await api.delete(VOLUMES, volume)

    def _on_fault(self, name: str) -> None:
        if name == UNPROVISIONED:
            for claim in self.store(CLAIMS).list():
                self.enqueue(key_of(claim))


class Cdi(Controller):
    """A DataVolume gets a claim of its name and is done when that is bound."""

    name = "cdi"

    def watches(self) -> dict[str, Callable[[Object], Iterable[str]]]:
        return {DATA_VOLUMES: itself, CLAIMS: owner("DataVolume")}

    async def reconcile(self, key: str) -> float | None:
        namespace, name = split_key(key)
        volume = self.store(DATA_VOLUMES).get(name, namespace)
        if volume is None or it.deleting(volume):
            return None
        claim = self.store(CLAIMS).get(name, namespace)
        if claim is None:
            await self._create(volume)
        phase = self._phase(key, claim)
        if phase != it.phase(volume):
            status = {"phase": phase, "claimName": name, "progress": "100.0%" if phase == "Succeeded" else "N/A"}
            patch = {"status": status}
            await self.site.api("cdi").patch(DATA_VOLUMES, name, patch, namespace, "status")
        return None

    def _phase(self, key: str, claim: Object | None) -> str:
        if self.site.faults.get(IMPORT_FAILED, volume=key) is not None:
            return "Failed"
        if claim is None:
            return "Pending"
        if it.phase(claim) == "Bound":
            return "Succeeded"
        waits = CLASSES.get(claim["spec"].get("storageClassName", "")) == "WaitForFirstConsumer"
        return "WaitForFirstConsumer" if waits else "Pending"

    async def _create(self, volume: Object) -> None:
        meta, spec = volume["metadata"], volume["spec"]
        wanted = dict(spec.get("pvc") or spec.get("storage") or {})
        wanted.setdefault("accessModes", ["ReadWriteOnce"])
        reference = {"apiVersion": "cdi.kubevirt.io/v1beta1", "kind": "DataVolume", "name": meta["name"]}
        owners = [reference | {"uid": meta["uid"], "controller": True, "blockOwnerDeletion": True}]
        named = {"name": meta["name"], "namespace": meta["namespace"], "ownerReferences": owners}
        try:
            await self.site.api("cdi").create(CLAIMS, {"metadata": named, "spec": wanted})
        except Conflict:
            return  # the cache is a moment behind


def _volume_spec(claim: Object, name: str) -> dict[str, Any]:
    meta, spec = claim["metadata"], claim["spec"]
    return {
        "accessModes": spec["accessModes"],
        "capacity": {"storage": spec["resources"]["requests"]["storage"]},
        "claimRef": {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "name": meta["name"],
            "namespace": meta["namespace"],
            "uid": meta["uid"],
        },
        "csi": {"driver": PROVISIONER, "volumeHandle": name},
        "persistentVolumeReclaimPolicy": "Delete",
        "storageClassName": spec["storageClassName"],
        "volumeMode": spec.get("volumeMode", "Filesystem"),
    }


def _claims_of_pod(pod: Object) -> list[str]:
    namespace = pod["metadata"]["namespace"]
    volumes = pod["spec"].get("volumes") or []
    return [
        f"{namespace}/{one['persistentVolumeClaim']['claimName']}" for one in volumes if "persistentVolumeClaim" in one
    ]
