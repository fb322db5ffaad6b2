# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a VM looked like when its instance was started, kept as a ControllerRevision."""

from __future__ import annotations

from typing import Any

from ..kube import Api, Conflict
from ..resources import Object
from . import json_patch
from . import vmi as it

_PREFIX = "revision-start-vm-"


class Revisions:
    """Written at each start; read to tell whether a running instance still is what its VM says."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def create(self, vm: Object, owner: dict[str, Any]) -> str:
        """The name of the revision of the VM as it is now."""
        meta = vm["metadata"]
        name = f"{_PREFIX}{meta['uid']}-{meta['generation']}"
        body = {
            "metadata": {"name": name, "namespace": meta["namespace"], "ownerReferences": [owner]},
            "data": {"spec": vm["spec"]},
            "revision": meta["generation"],
        }
        try:
            await self._api.create("controllerrevisions", body)
        except Conflict:
            return name  # made by a start that then failed
        await self._delete_older(vm, name)
        return name

    async def _delete_older(self, vm: Object, newest: str) -> None:
        meta = vm["metadata"]
        for one in await self._api.list("controllerrevisions", meta["namespace"]):
            name = one["metadata"]["name"]
            if name.startswith(f"{_PREFIX}{meta['uid']}-") and name != newest:
                await self._api.delete("controllerrevisions", name, meta["namespace"])

    async def bump(self, vm: Object, vmi: Object) -> None:
        """The instance is told the VM's generation while the template is the one it was made from."""
        meta = vm["metadata"]
        if it.annotated(vmi).get(it.VM_GENERATION) == str(meta["generation"]):
            return
        name = it.status(vmi).get("virtualMachineRevisionName", "")
        revision = await self._api.get("controllerrevisions", name, meta["namespace"]) if name else None
        if revision is None or revision["data"]["spec"].get("template") != vm["spec"]["template"]:
            return
        notes = it.annotated(vmi) | {it.VM_GENERATION: str(meta["generation"])}
        patch = json_patch.change("/metadata/annotations", it.annotated(vmi) or None, notes)
        fresh = await json_patch.apply(self._api, "virtualmachineinstances", vmi, patch)
        vmi.clear()
        vmi.update(fresh)
