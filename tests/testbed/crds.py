# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Custom resource definitions: the hand-written schemas of crds/, installed before anything uses them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import yaml

from .kube import Conflict
from .resources import Object
from .site import Site

DIRECTORY = Path(__file__).parent / "crds"
_KEY = "customresourcedefinitions"
_SECONDS = 30.0
# yaml's C parser is ten times faster and comes with every wheel; a build of one's own may lack it.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load(directory: Path) -> list[Object]:
    """All documents of the directory's own YAML files (those in directories below belong to simulators)."""
    found: list[Object] = []
    for path in sorted(directory.glob("*.yaml")):
        found += [document for document in yaml.load_all(path.read_text(), Loader=_LOADER) if document]
    return found


def directories(site: Site) -> list[Path]:
    """Where the kinds of a site are: those of everybody, OpenPERouter's in the site's shape, HCO's, Harvester's own."""
    found, settings = [DIRECTORY], site.settings
    if settings.openperouter:
        found.append(DIRECTORY / f"openperouter-{settings.l2vni_shape.lower()}")
    if settings.harvester:
        found.append(DIRECTORY / "harvester")
    if settings.hco:
        found.append(DIRECTORY / f"hco-{settings.hco}")
    return found


async def install(site: Site) -> None:
    """Create them at once and wait until the API server serves each."""
    everything = [crd for directory in directories(site) for crd in load(directory)]
    wanted = [crd for crd in everything if _belongs(site, crd["spec"]["group"])]
    await asyncio.gather(*(_create(site, crd) for crd in wanted))
    names = {crd["metadata"]["name"] for crd in wanted}
    store = site.store(_KEY)

    def missing() -> list[str]:
        return sorted(names - {name for _namespace, name in store.keys(where=_established)})

    if not await store.until(lambda: not missing(), _SECONDS):
        raise TimeoutError(f"{site.name}: not served after {_SECONDS:.0f} s: {', '.join(missing())}")


async def _create(site: Site, crd: Object) -> None:
    webhook = (crd["spec"].get("conversion") or {}).get("webhook")
    if webhook:
        webhook["clientConfig"] = site.webhooks.client_config(webhook["clientConfig"]["url"])
    try:
        await site.api("testbed").create(_KEY, crd)
    except Conflict:
        # Another simulator brought it, or the bed starts again on what it left, with its webhooks elsewhere.
        if webhook:
            await site.api("testbed").patch(
                _KEY, crd["metadata"]["name"], {"spec": {"conversion": crd["spec"]["conversion"]}}
            )


def _belongs(site: Site, group: str) -> bool:
    if group.endswith("kubevirt.io"):
        return site.settings.kubevirt
    if group.endswith("cni.cncf.io"):
        return site.settings.cni
    if group == "nmstate.io":
        return site.settings.nmstate
    return True


def _established(crd: Object) -> bool:
    conditions = crd.get("status", {}).get("conditions") or []
    return any(one["type"] == "Established" and one["status"] == "True" for one in conditions)
