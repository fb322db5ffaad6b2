# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulators of a site and what is installed before they start.

A simulator's module is imported here and adds its classes to SIMULATORS, and what must be on the cluster
before any of them runs (furniture, webhook configurations) to INSTALLERS, in the order they are to run.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ..controller import Controller
from ..site import Site
from . import (
    device_plugin,
    harvester_install,
    hco,
    kubevirt_admission,
    kubevirt_install,
    node,
    openperouter,
    storage,
    virt_api,
)
from .handler_migration_source import HandlerMigrationSource
from .handler_migration_target import HandlerMigrationTarget
from .handler_node import HandlerNode
from .handler_vmi import HandlerVmi
from .harvester_limits import KubevirtMigration
from .harvester_network import ClusterNetworks, NadLabels
from .harvester_setting import VmMigrationNetwork
from .kubelet import Kubelet
from .nmstate import NmstateHandler
from .node import NodeHeartbeat
from .probe_pods import ProbePods
from .storage import Cdi, Provisioner
from .synchronization_leader import SynchronizationLeader
from .virt_api_service import VirtApiEndpoints
from .virt_operator import VirtOperator
from .vm_controller import VmController
from .vmi_controller import VmiController
from .vmim_controller import VmimController

Installer = Callable[[Site], Awaitable[None]]

SIMULATORS: list[type[Controller]] = [
    NodeHeartbeat,
    Kubelet,
    ProbePods,
    NmstateHandler,
    Provisioner,
    Cdi,
    hco.HyperconvergedOperator,
    VirtOperator,
    VirtApiEndpoints,
    HandlerNode,
    HandlerVmi,
    VmController,
    VmiController,
    VmimController,
    SynchronizationLeader,
    HandlerMigrationSource,
    HandlerMigrationTarget,
    openperouter.Nodemarker,
    openperouter.NodeAgent,
    VmMigrationNetwork,
    KubevirtMigration,
    ClusterNetworks,
    NadLabels,
]
INSTALLERS: list[Installer] = [
    openperouter.install,
    node.install,
    device_plugin.install,
    kubevirt_admission.install,
    virt_api.install,
    storage.install,
    kubevirt_install.install,
    hco.install,
    harvester_install.install,
]


def simulators(site: Site) -> list[Controller]:
    """One of each, for one site."""
    return [simulator(site) for simulator in SIMULATORS]
