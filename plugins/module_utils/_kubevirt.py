# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the KubeVirt CR of a cluster says: where it is, who owns it, whether its operator has settled."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

from ._cluster import Cluster, Object, namespaced_name
from ._errors import BadInput, Missing
from ._resources import FINAL, KUBEVIRT, VMIM
from ._sync_address import DEFAULT_PORT
from ._wait import Verdict

GATE = "DecentralizedLiveMigration"
HANDLER = "virt-handler"
SYNC_CONTROLLER = "virt-synchronization-controller"
INTERFACE = "migration0"
"""The device by which KubeVirt knows the migration network inside its pods."""

FIRST_RELEASE = (1, 6, 0)
"""The first KubeVirt that moves VMs between clusters."""

_BETA = (1, 10, 0)
_LONGEST = 120
"""How much of a condition's message a line of progress can take."""

_VERSION = re.compile(r"v?(\d+)\.(\d+)\.(\d+)")


@dataclasses.dataclass(frozen=True, slots=True)
class Owner:
    """Who writes the KubeVirt CR, so that an edit of ours would be reverted.

    :param flavour: ``hco``, ``harvester`` or ``controller`` (something else).
    """

    flavour: str
    name: str
    hint: str


def find(cluster: Cluster, namespace: str | None = None, name: str | None = None) -> Object:
    """The KubeVirt CR: the named one, or the only one there is.

    :raises Missing: when there is none.
    :raises BadInput: when several would fit.
    """
    if namespace and name:
        found = cluster.get(KUBEVIRT, name, namespace)
        candidates = [found] if found else []
    else:
        candidates = [each for each in cluster.list(KUBEVIRT, namespace) if name in (None, _meta(each)["name"])]
    if not candidates:
        place = f"namespace {namespace}" if namespace else "any namespace"
        hint = "Install KubeVirt and create its KubeVirt CR first, or correct namespace and name."
        raise Missing(f"a KubeVirt CR{f' {name}' if name else ''}", f"none in {place}", cluster.name, "KubeVirt", hint)
    if len(candidates) > 1:
        names = ", ".join(sorted(map(namespaced_name, candidates)))
        hint = "Choose one with namespace and name."
        raise BadInput("exactly one KubeVirt CR", names, cluster.name, "KubeVirt", hint, "several_kubevirts")
    return candidates[0]


def title(kubevirt: Object) -> str:
    """The CR as messages name it."""
    return f"KubeVirt {namespaced_name(kubevirt)}"


def namespace_of(kubevirt: Object) -> str:
    """Where KubeVirt's own workloads, and so the migration NAD, live."""
    return str(_meta(kubevirt)["namespace"])


def configuration(kubevirt: Object) -> Object:
    """``spec.configuration``."""
    return _dict(_dict(kubevirt.get("spec")).get("configuration"))


def feature_gates(kubevirt: Object, key: str = "featureGates") -> list[str]:
    """The gates that the CR lists as enabled (or, with the other key, as disabled)."""
    return list(_dict(configuration(kubevirt).get("developerConfiguration")).get(key) or [])


def gate_on(kubevirt: Object) -> bool:
    """Whether moves between clusters are enabled, by the CR or by default."""
    return GATE in feature_gates(kubevirt) or gate_by_default(kubevirt)


def gate_by_default(kubevirt: Object) -> bool:
    """Whether the gate is on unless the CR disables it (it is a beta gate since 1.10)."""
    release = version(kubevirt)
    return release is not None and release >= _BETA and GATE not in feature_gates(kubevirt, "disabledFeatureGates")


def network(kubevirt: Object) -> str | None:
    """The NAD that the CR names as migration network; ``None`` for the pod network."""
    name: str | None = _dict(configuration(kubevirt).get("migrations")).get("network")
    return name


def sync_port(kubevirt: Object) -> int:
    """The port of the synchronization controller (KubeVirt writes it as text)."""
    text = str(_dict(kubevirt.get("spec")).get("synchronizationPort") or "")
    return int(text) if text.isdigit() else DEFAULT_PORT


def sync_addresses(kubevirt: Object) -> list[str]:
    """Where peers reach this cluster's synchronization controller, as KubeVirt spells it."""
    return list(_dict(kubevirt.get("status")).get("synchronizationAddresses") or [])


def version_text(kubevirt: Object) -> str:
    """The version that runs, empty while nothing does."""
    return str(_dict(kubevirt.get("status")).get("observedKubeVirtVersion") or "")


def version(kubevirt: Object) -> tuple[int, int, int] | None:
    """The version that runs, ``None`` when it is not a release number (a build of one's own)."""
    match = _VERSION.match(version_text(kubevirt))
    return (int(match[1]), int(match[2]), int(match[3])) if match else None


def conditions(kubevirt: Object) -> dict[str, Object]:
    """The CR's conditions by type."""
    return {each.get("type", ""): each for each in _dict(kubevirt.get("status")).get("conditions") or []}


def settled(kubevirt: Object) -> Verdict:
    """Whether virt-operator has carried out the CR as it is now.

    The observed generation counts first: right after a write the conditions still praise the old state. It moves
    only once everything is rolled out, which includes the renewal of the CA that every change of the CR causes.
    """
    generation, status = int(_meta(kubevirt).get("generation") or 0), _dict(kubevirt.get("status"))
    observed = status.get("observedGeneration")
    if observed is not None and int(observed) < generation:
        return Verdict(False, f"virt-operator works on generation {generation} (done: {observed}){_why(kubevirt)}")
    if status.get("phase") != "Deployed":
        return Verdict(False, f"phase is {status.get('phase') or 'not set'}{_why(kubevirt)}")
    if status.get("targetDeploymentID") != status.get("observedDeploymentID"):
        return Verdict(False, f"virt-operator still deploys the current configuration{_why(kubevirt)}")
    for kind, wanted in (("Available", "True"), ("Progressing", "False"), ("Degraded", "False")):
        actual = conditions(kubevirt).get(kind, {}).get("status", "not set")
        if actual != wanted:
            return Verdict(False, f"condition {kind} is {actual}{_why(kubevirt)}")
    return Verdict(True)


def owner(kubevirt: Object) -> Owner | None:
    """Who would undo an edit of the CR; ``None`` for a CR that belongs to the user."""
    metadata = _meta(kubevirt)
    labels, annotations = _dict(metadata.get("labels")), _dict(metadata.get("annotations"))
    references = metadata.get("ownerReferences") or []
    for reference in references:
        if reference.get("kind") == "HyperConverged":
            return _hco(str(reference.get("name")))
    if labels.get("app.kubernetes.io/managed-by") == "hco-operator":
        return _hco("kubevirt-hyperconverged")
    if metadata.get("namespace") == "harvester-system" or annotations.get("meta.helm.sh/release-name") == "harvester":
        hint = "Use the module harvester_migration_network: Harvester rewrites the CR from its own settings."
        return Owner("harvester", "Harvester", hint)
    for reference in references:
        if reference.get("controller"):
            name = f"{reference.get('kind')} {reference.get('name')}"
            return Owner("controller", name, f"Change the settings in {name}: it rewrites the CR.")
    return None


def unfinished_migrations(cluster: Cluster) -> list[str]:
    """The VMIMs of the whole cluster that have not ended, as ``namespace/name (phase)``."""
    return sorted(
        f"{namespaced_name(each)} ({phase or 'new'})"
        for each in cluster.list(VMIM)
        if (phase := str(_dict(each.get("status")).get("phase") or "")) not in FINAL
    )


def _hco(name: str) -> Owner:
    hint = f"Set these in the HyperConverged resource {name}: the operator reverts edits of the KubeVirt CR."
    return Owner("hco", f"HyperConverged {name}", hint)


def _why(kubevirt: Object) -> str:
    found = conditions(kubevirt)
    for kind, bad in (("Degraded", "True"), ("Progressing", "True"), ("Available", "False")):
        condition = found.get(kind, {})
        if condition.get("status") == bad and condition.get("message"):
            return f": {_short(str(condition['message']))}"
    return ""


def _short(message: str) -> str:
    """A condition's message in a few words; virt-operator's own repeat versions and registries."""
    if message.startswith(("Transitioning from", "Deploying version")):
        return "its workloads are being rolled out"
    return message if len(message) <= _LONGEST else f"{message[:_LONGEST]}…"


def _meta(kubevirt: Object) -> Object:
    return _dict(kubevirt.get("metadata"))


def _dict(value: Any) -> Object:
    return value if isinstance(value, dict) else {}
