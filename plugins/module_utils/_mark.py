# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The mark on objects that this collection has made, by which one that nobody names any more is found. Pure.

It is set when an object is made and never on one that was there: what somebody else made stays somebody else's.
"""

from __future__ import annotations

from typing import Any

from ._cluster import Object, namespaced_name

MANAGED_BY = "app.kubernetes.io/managed-by"
OURS = "livemigration.kubevirt"
MARK = {MANAGED_BY: OURS}

NETWORK = "livemigration.kubevirt/network"
"""On what is made beside another one of the same network, and on every NAD for migrations: the plain name."""


def marked(item: Object) -> bool:
    """Whether this collection has made the object."""
    labels = item["metadata"].get("labels") or {}
    return labels.get(MANAGED_BY) == OURS or NETWORK in labels


def told(item: Object) -> dict[str, Any]:
    """A marked object as results carry it."""
    labels = item["metadata"].get("labels") or {}
    return {"kind": item["kind"], "name": namespaced_name(item), "network": str(labels.get(NETWORK) or "")}
