# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects that a GitOps tool applies: changed there, or knowingly here.

Networks are looked at as they are written; whoever writes settings of KubeVirt asks for itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ._cluster import Object
from ._errors import Conflict
from ._plan import Change, Plan

_KINDS = frozenset({"L2VNI", "L3VNI", "NetworkAttachmentDefinition", "NodeNetworkConfigurationPolicy"})

_MANAGERS = {
    "argocd-controller": "Argo CD",
    "argocd-application-controller": "Argo CD",
    "kustomize-controller": "Flux",
    "helm-controller": "Flux",
}
"""Who writes under which name, for tools that are told to leave no other mark."""


def tool_of(body: Object | None) -> str | None:
    """The GitOps tool that applies an object, when it left its mark."""
    metadata = (body or {}).get("metadata") or {}
    labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
    if "argocd.argoproj.io/tracking-id" in annotations or "argocd.argoproj.io/instance" in labels:
        return "Argo CD"
    if any(key.split("/")[0].endswith(".toolkit.fluxcd.io") for key in labels):
        return "Flux"
    managers = {str(each.get("manager")) for each in metadata.get("managedFields") or []}
    return next((tool for manager, tool in _MANAGERS.items() if manager in managers), None)


def undone(tool: str, change: str, cluster: str, object: str) -> Conflict:
    """The error of a write that a GitOps tool would undo: it names the tool, and what to change there."""
    hint = f"Make this change in the repository that {tool} applies ({change}), or set allow_gitops."
    wanted = "an object that nobody else applies"
    return Conflict(wanted, f"{tool} does", cluster, object, hint, "owned_by_gitops")


def refuse(plan: Plan, params: Mapping[str, Any]) -> None:
    """:raises Conflict: for a network that a GitOps tool applies."""
    if params.get("allow_gitops", True):
        return
    for change, tool in _applied(plan):
        raise undone(tool, change.why, change.cluster, str(change.ref))


def warnings(plan: Plan, params: Mapping[str, Any]) -> list[str]:
    """What a GitOps tool may undo, where that is allowed."""
    if not params.get("allow_gitops"):
        return []
    texts = [
        f"{change.cluster} {change.ref} is applied by {tool}, which may undo this: make the change there too"
        for change, tool in _applied(plan)
    ]
    return list(dict.fromkeys(texts))


def _applied(plan: Plan) -> Iterator[tuple[Change, str]]:
    for change in plan.changes:
        tool = tool_of(change.before) if change.ref.resource.kind in _KINDS else None
        if tool:
            yield change, tool
