# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a synchronization controller does with the messages of its peers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..faults import register
from ..resources import Object
from . import json_patch
from . import synchronization_copy as copying
from . import vmi as it
from . import vmim as job

if TYPE_CHECKING:
    from ..site import Site
    from .synchronization_controller import SynchronizationController

VMIMS = "virtualmachineinstancemigrations"
VMIS = "virtualmachineinstances"

NO_CERTIFICATE = register(
    "sync-certificate",
    "virt-synchronization-controller cannot load its own certificate; peers see a TLS internal error",
)


class Server:
    """The listening end of one process; dead once the process is."""

    def __init__(self, controller: SynchronizationController, address: str) -> None:
        self._the = controller
        self.address = address
        self.alive = True

    @property
    def site(self) -> Site:
        return self._the.site

    def answers(self) -> bool:
        return self.alive

    def certificate_loaded(self) -> bool:
        return self.site.faults.get(NO_CERTIFICATE) is None

    async def call(self, method: str, request: Object) -> None:
        """The text of a ValueError or an ApiError goes back to the caller."""
        match method:
            case "SyncSourceMigrationStatus":
                await self._take("receive", request)
            case "SyncTargetMigrationStatus":
                await self._take("sendTo", request)
            case "CancelMigration":
                await self._cancel(request["migrationUID"])

    async def _take(self, block: str, request: Object) -> None:
        """`block`: what the local migration of that id must have, "receive" when the caller is a source."""
        caller = "source" if block == "receive" else "target"
        id_ = request["migrationID"]
        vmim = self._find(block, id_)
        if vmim is None:
            raise ValueError(f"{caller}: unable to locate VMI for migrationID {id_}")
        key = job.vmi_key(vmim)
        vmi = self._the.vmis.get(key)
        if vmi is None:
            raise ValueError(f"{caller}: unable to locate VMI for migrationID {id_}, vmi: {key}")
        if not request["status"].get("migrationState"):
            raise ValueError(f"must pass {caller} status")
        holder = it.migration_state(vmi).get("migrationUid", "")
        if it.is_final(vmim) or holder not in ("", job.uid(vmim)):
            # An answer for a migration that is over, or that another one has replaced: nothing to do with it.
            return
        merge = copying.from_source if block == "receive" else copying.from_target
        new = merge(vmi, request["status"])
        await json_patch.apply(self._the.api, VMIS, vmi, copying.patch(vmi, new))

    def _find(self, block: str, id_: str) -> Object | None:
        """In all namespaces, the first when several share the id."""
        found = self._the.vmims.list(lambda one: (one["spec"].get(block) or {}).get("migrationID") == id_)
        return found[0] if found else None

    async def _cancel(self, uid: str) -> None:
        found = self._the.vmims.list(lambda one: job.uid(one) == uid)
        if not found:
            raise ValueError(f"unable to find migration to cancel for migrationUID {uid}")
        meta = found[0]["metadata"]
        await self._the.api.delete(VMIMS, meta["name"], meta["namespace"])
