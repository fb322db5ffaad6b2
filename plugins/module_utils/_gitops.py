# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks that a GitOps tool applies: changed there, or knowingly here. Settings of KubeVirt: see _kubevirt_home."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from . import _kubevirt as kv
from ._errors import Conflict
from ._plan import Change, Plan

_KINDS = frozenset({"L2VNI", "L3VNI", "NetworkAttachmentDefinition", "NodeNetworkConfigurationPolicy"})


def refuse(plan: Plan, params: Mapping[str, Any]) -> None:
    """Refuse what a GitOps tool would undo. :raises Conflict: naming the tool and what to change there."""
    if params.get("allow_gitops", True):
        return
    for change, tool in _applied(plan):
        hint = f"Make this change in the repository that {tool} applies ({change.why}), or set allow_gitops."
        wanted, where = "an object that nobody else applies", str(change.ref)
        raise Conflict(wanted, f"{tool} does", change.cluster, where, hint, "owned_by_gitops")


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
        tool = kv.gitops(change.before) if change.before and change.ref.resource.kind in _KINDS else None
        if tool:
            yield change, tool
