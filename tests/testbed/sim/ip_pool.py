# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pools whereabouts keeps in the API: IPPool and OverlappingRangeIPReservation objects."""

from __future__ import annotations

import asyncio
from typing import Any

from ..kube import Api, Conflict
from .whereabouts import (
    Ipam,
    Network,
    Range,
    Reservation,
    WhereaboutsError,
    assign,
    offset,
    pool_name,
    reservation_name,
)

NAMESPACE = "kube-system"
POOLS = "ippools"
RESERVATIONS = "overlappingrangeipreservations"


class IpPools:
    """Allocates and frees for one cluster, one at a time, as the Lease of whereabouts makes it in reality."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._turn = asyncio.Lock()

    async def allocate(self, ipam: Ipam, *, container: str, podref: str, ifname: str) -> list[Reservation]:
        """One address of every range; nothing stays taken when a later range has none left."""
        async with self._turn:
            try:
                return [
                    await self._take(ipam, each, container=container, podref=podref, ifname=ifname)
                    for each in ipam.ranges
                ]
            except WhereaboutsError:
                await self._free(ipam, podref, ifname)
                raise

    async def release(self, ipam: Ipam, *, podref: str, ifname: str) -> None:
        """Give back what a pod's interface holds; unknown pods are no error."""
        async with self._turn:
            await self._free(ipam, podref, ifname)

    async def _take(self, ipam: Ipam, wanted: Range, *, container: str, podref: str, ifname: str) -> Reservation:
        elsewhere: list[Reservation] = []  # taken by another pod through another, overlapping range
        while True:
            pool = await self._pool(wanted.network, ipam.network_name)
            known = _reservations(pool, wanted.network) + elsewhere
            found = assign(wanted, known, container=container, podref=podref, ifname=ifname)
            name = reservation_name(found.address, ipam.network_name)
            if ipam.overlapping:
                other = await self._api.get(RESERVATIONS, name, NAMESPACE)
                if other is not None and other["spec"]["podref"] != podref:
                    elsewhere.append(Reservation(found.address, "", other["spec"]["podref"], ""))
                    continue
            entry = {"id": container, "podref": podref, "ifname": ifname}
            pool["spec"]["allocations"][offset(wanted.network, found.address)] = entry
            try:
                await self._api.update(POOLS, pool)
                if ipam.overlapping:
                    await self._reserve(name, found)
            except Conflict:
                continue  # somebody edited the pool meanwhile: look again
            return found

    async def _reserve(self, name: str, found: Reservation) -> None:
        spec = {"containerid": found.container, "podref": found.podref, "ifname": found.ifname}
        if await self._api.get(RESERVATIONS, name, NAMESPACE) is None:
            await self._api.create(RESERVATIONS, {"metadata": _metadata(name), "spec": spec})

    async def _pool(self, network: Network, network_name: str) -> dict[str, Any]:
        name = pool_name(network, network_name)
        pool = await self._api.get(POOLS, name, NAMESPACE)
        if pool is None:
            spec = {"range": str(network), "allocations": {}}
            pool = await self._api.create(POOLS, {"metadata": _metadata(name), "spec": spec})
        pool["spec"].setdefault("allocations", {})
        return pool

    async def _free(self, ipam: Ipam, podref: str, ifname: str) -> None:
        for each in ipam.ranges:
            for entry in await self._drop(each.network, ipam.network_name, podref, ifname):
                if ipam.overlapping:
                    name = reservation_name(entry.address, ipam.network_name)
                    await self._api.delete(RESERVATIONS, name, NAMESPACE)

    async def _drop(self, network: Network, network_name: str, podref: str, ifname: str) -> list[Reservation]:
        """Take a pod's entries out of a pool and return them."""
        while True:
            pool = await self._api.get(POOLS, pool_name(network, network_name), NAMESPACE)
            if pool is None:
                return []
            mine = [entry for entry in _reservations(pool, network) if (entry.podref, entry.ifname) == (podref, ifname)]
            for entry in mine:
                del pool["spec"]["allocations"][offset(network, entry.address)]
            try:
                if mine:
                    await self._api.update(POOLS, pool)
            except Conflict:
                continue
            return mine


def _reservations(pool: dict[str, Any], network: Network) -> list[Reservation]:
    return [
        Reservation(network[int(key)], entry.get("id", ""), entry["podref"], entry.get("ifname", ""))
        for key, entry in pool["spec"].get("allocations", {}).items()
    ]


def _metadata(name: str) -> dict[str, str]:
    return {"name": name, "namespace": NAMESPACE}
