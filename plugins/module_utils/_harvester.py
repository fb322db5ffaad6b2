# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is to be seen of a Harvester cluster's migration network: settings, cluster networks, KubeVirt, users."""

from __future__ import annotations

import dataclasses
import json
import re
from typing import Any

from . import _harvester_config as config
from . import _kubevirt as kv
from . import _networks as networks
from ._cluster import Cluster, Object, namespaced_name
from ._errors import Missing
from ._harvester_config import Network
from ._networks import Net
from ._resources import (
    CLUSTER_NETWORK,
    IP_POOL,
    NAD,
    NODE,
    POD,
    SETTING,
    VLAN_CONFIG,
    VLAN_STATUS,
    VM,
    VMI,
    VMIM,
)

NAMESPACE = "harvester-system"
SETTING_NAME = "vm-migration-network"
LIMITS_NAME = "kubevirt-migration"

_MARKS = "settings.harvesterhci.io"
_PREFIX = f"{SETTING_NAME}.{_MARKS}"
HASH = f"{_PREFIX}/hash"
ATTACHED = f"{_PREFIX}/net-attach-def"

_OWN_PODS = f"kubevirt.io in ({kv.HANDLER},{kv.SYNC_CONTROLLER})"
_WITNESS = "node-role.harvesterhci.io/witness"
_VERSION = re.compile(r"v?(\d+)\.(\d+)")


@dataclasses.dataclass(frozen=True, slots=True)
class Seen:
    """What was found on the cluster.

    :param limits: the setting kubevirt-migration, ``None`` before Harvester 1.7.
    :param others: the values of storage-network and rwx-network by name.
    :param nad: the NAD that the setting names, ``None`` when there is none.
    :param orphans: NADs that Harvester made for the setting and has lost sight of.
    :param pools: what whereabouts has given out.
    :param pods: KubeVirt's own pods that use the network.
    :param whereabouts: whether its pools are known to the API server.
    :param made: NADs that Harvester made for its own networks as ``namespace/name``.
    """

    cluster: Cluster
    version: str
    setting: Object
    limits: Object | None
    others: dict[str, Object]
    kubevirt: Object
    nad: Object | None
    orphans: tuple[str, ...] = ()
    nodes: tuple[Object, ...] = ()
    cluster_networks: tuple[Object, ...] = ()
    vlan_configs: tuple[Object, ...] = ()
    vlan_statuses: tuple[Object, ...] = ()
    vmims: tuple[Object, ...] = ()
    machines: tuple[Object, ...] = ()
    nets: tuple[Net, ...] = ()
    closed: tuple[str, ...] = ()
    pools: tuple[Object, ...] = ()
    pods: tuple[Object, ...] = ()
    whereabouts: bool = True
    made: frozenset[str] = frozenset()

    @property
    def value(self) -> str:
        """The text of the setting; empty when it is off."""
        return str(self.setting.get("value") or "")

    @property
    def network(self) -> Network | None:
        """What the setting says."""
        return config.parse(self.value)

    @property
    def dealt_with(self) -> bool:
        """Whether Harvester is through with the setting as it is, well or not."""
        return annotations_of(self.setting).get(HASH) == config.digest(self.value)

    @property
    def gave_up(self) -> bool:
        """Whether Harvester failed and will not try again by itself."""
        return self.dealt_with and configured(self.setting).get("status") == "False"

    @property
    def release(self) -> tuple[int, int] | None:
        """Major and minor number, ``None`` for a build of one's own."""
        match = _VERSION.match(self.version)
        return (int(match[1]), int(match[2])) if match else None

    @property
    def voters(self) -> list[str]:
        """The nodes that Harvester wants on the network: all but witnesses."""
        return sorted(str(node["metadata"]["name"]) for node in self.nodes if not _is_witness(node))


def observe(cluster: Cluster) -> Seen:
    """Read everything the decision needs. :raises Missing: where Harvester or the setting is not."""
    setting = read_setting(cluster)
    found = {each["metadata"]["name"]: each for each in cluster.list(SETTING)}
    version = found.get("server-version") or {}
    read = networks.read(cluster)
    # What may not be read, or is not there, is an error for these.
    attachments, nodes = (read.objects[kind] if kind in read.objects else cluster.list(kind) for kind in (NAD, NODE))
    nad, orphans = _attachments(setting, attachments)
    return Seen(
        cluster,
        str(version.get("value") or version.get("default") or ""),
        setting,
        found.get(LIMITS_NAME),
        {name: found[name] for name in ("storage-network", "rwx-network") if name in found},
        kv.find(cluster, NAMESPACE, "kubevirt"),
        nad,
        orphans,
        tuple(nodes),
        tuple(cluster.list(CLUSTER_NETWORK)),
        tuple(cluster.list(VLAN_CONFIG)),
        tuple(cluster.list(VLAN_STATUS)),
        tuple(cluster.list(VMIM)),
        (*cluster.list(VM), *cluster.list(VMI)),
        tuple(read.nets),
        tuple(read.closed),
        tuple(read.objects.get(IP_POOL, [])),
        tuple(cluster.list(POD, NAMESPACE, _OWN_PODS)),
        cluster.serves(IP_POOL),
        frozenset(namespaced_name(each) for each in attachments if each is nad or _is_made(each)),
    )


def read_setting(cluster: Cluster) -> Object:
    """The setting vm-migration-network. :raises Missing: before Harvester 1.6, and without Harvester."""
    try:
        found = cluster.get(SETTING, SETTING_NAME)
    except Missing as error:
        hint = "Use the modules migration_nad and kubevirt_migrations on clusters without Harvester."
        what = "no such kind"
        raise Missing(
            "a Harvester cluster", what, cluster.name, SETTING.full_name, hint, "harvester_missing"
        ) from error
    if found is None:
        hint = "Upgrade Harvester: it has the setting from v1.6.0 on."
        wanted = f"Harvester's setting {SETTING_NAME}"
        raise Missing(wanted, "none", cluster.name, f"Setting {SETTING_NAME}", hint, "harvester_too_old")
    return found


def _attachments(setting: Object, attachments: list[Object]) -> tuple[Object | None, tuple[str, ...]]:
    """The NAD that Harvester made for the setting, and others that it made for it."""
    wanted = annotations_of(setting).get(ATTACHED, "")
    made = {namespaced_name(each): each for each in attachments if _PREFIX in annotations_of(each)}
    found = next((each for each in attachments if namespaced_name(each) == wanted), None)
    return found, tuple(sorted(made.keys() - {wanted}))


def _is_made(attachment: Object) -> bool:
    """Each of Harvester's network settings marks its NAD with its own name."""
    return any(key.endswith(f".{_MARKS}") for key in annotations_of(attachment))


def annotations_of(body: Object) -> dict[str, str]:
    """The annotations of an object."""
    found: dict[str, str] = body["metadata"].get("annotations") or {}
    return found


def configured(setting: Object) -> Object:
    """The condition that says what became of the setting; empty while it was never dealt with."""
    conditions: list[Object] = (setting.get("status") or {}).get("conditions") or []
    return next((each for each in conditions if each.get("type") == "configured"), {})


def other_network(name: str, setting: Object) -> tuple[Network | None, bool]:
    """The network of storage-network or rwx-network, and whether its VLAN is to be its alone."""
    text = str(setting.get("value") or setting.get("default") or "")
    try:
        keys: Any = json.loads(text)
        if name == "rwx-network":
            # One that shares the storage network has none of its own.
            keys = {} if keys.get("share-storage-network") else keys.get("network") or {}
        exclusive = bool(keys.get("exclusiveVlan"))
    except (ValueError, AttributeError):
        return None, False
    return config.parse(json.dumps(keys)), exclusive


def _is_witness(node: Object) -> bool:
    return bool((node["metadata"].get("labels") or {}).get(_WITNESS) == "true")
