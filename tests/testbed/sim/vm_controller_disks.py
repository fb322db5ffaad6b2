# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The disks of a VM: DataVolumes made from its templates, and whether its claims can be used."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..kube import Api, Conflict
from ..resources import Object
from . import vmi as it
from .launcher_volumes import claims
from .vm_controller_vmi import owner_reference

if TYPE_CHECKING:
    from ..site import Site

DATA_VOLUMES, CLAIMS = "datavolumes", "persistentvolumeclaims"
_USABLE = ("Succeeded", "WaitForFirstConsumer", "PendingPopulation")


class Disks:
    """Looks at the caches; writes only DataVolumes that are missing."""

    def __init__(self, site: Site, api: Api) -> None:
        self._api = api
        self._data_volumes = site.store(DATA_VOLUMES)
        self._claims = site.store(CLAIMS)

    async def ready(self, vm: Object) -> bool:
        """Make what the VM's templates ask for; True when every one can be used."""
        namespace, usable = vm["metadata"]["namespace"], True
        for template in vm["spec"].get("dataVolumeTemplates") or []:
            name = template["metadata"]["name"]
            found = self._data_volumes.get(name, namespace)
            if found is None:
                # A claim of that name left from before is taken as it is.
                if self._claims.get(name, namespace) is None:
                    await self._create(vm, template)
                    usable = False
            elif it.phase(found) not in _USABLE:
                usable = False
        return usable

    async def _create(self, vm: Object, template: Object) -> None:
        meta = copy.deepcopy(template["metadata"])
        meta |= {"namespace": vm["metadata"]["namespace"], "ownerReferences": [owner_reference(vm)]}
        meta["labels"] = (meta.get("labels") or {}) | {it.CREATED_BY: vm["metadata"]["uid"]}
        try:
            await self._api.create(DATA_VOLUMES, {"metadata": meta, "spec": template["spec"]})
        except Conflict:
            return  # made already; the cache is a moment behind

    def provisioning(self, vm: Mapping[str, Any]) -> bool:
        return any(it.phase(one) not in (*_USABLE, "Failed", "Unknown") for one in self._of(vm))

    def failed(self, vm: Mapping[str, Any]) -> bool:
        return any(it.phase(one) == "Failed" for one in self._of(vm))

    def unbound(self, vm: Mapping[str, Any]) -> bool:
        namespace = vm["metadata"]["namespace"]
        known = (self._claims.get(name, namespace) for name in _claim_names(vm))
        return any(claim is not None and it.phase(claim) != "Bound" for claim in known)

    def uses(self, vm: Mapping[str, Any], claim: str) -> bool:
        return claim in _claim_names(vm)

    def _of(self, vm: Mapping[str, Any]) -> list[Object]:
        namespace = vm["metadata"]["namespace"]
        found = (self._data_volumes.get(name, namespace) for name in _claim_names(vm))
        return [one for one in found if one is not None]


def _claim_names(vm: Mapping[str, Any]) -> list[str]:
    return list(claims(vm["spec"]["template"].get("spec") or {}).values())
