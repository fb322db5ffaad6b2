# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""On which nodes virt-handler is missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from . import _kubevirt as kv
from ._cluster import Object
from ._handler_nodes import fits
from ._kubevirt_rollout import Seen


def without_handler(nodes: Iterable[Object], seen: Seen) -> Iterator[str]:
    """The nodes that virt-handler should run on and does not."""
    if seen.handler is None:
        return
    pod = ((seen.handler.get("spec") or {}).get("template") or {}).get("spec") or {}
    served = {each.node for each in seen.pods if each.component == kv.HANDLER}
    for node in sorted(nodes, key=lambda each: str(each["metadata"]["name"])):
        name = node["metadata"]["name"]
        if name not in served and fits(node, pod):
            yield name
