# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""For how many more nodes the addresses of a cluster suffice, and what its network carries."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from ._cluster import Object
from ._kubevirt_pods import Pod
from ._nad_capacity import Need


def room(need: Need, pods: Sequence[Pod], free: int, leaked: int) -> int:
    """How many nodes can join; negative when there are not even enough addresses for what is there.

    :param free: addresses of the slice that nobody has.
    :param leaked: addresses that pods which are gone still have; they are what the spare ones are for.
    """
    waiting = need.nodes + need.sync_replicas - sum(1 for pod in pods if pod.addresses)
    return free - max(0, waiting) - need.surge - max(0, need.spare - leaked)


def mtu_of_network(nad: Object | None) -> int | None:
    """The MTU that the NAD asks for; ``None`` when it does not say."""
    try:
        config: Any = json.loads(((nad or {}).get("spec") or {}).get("config") or "")
    except ValueError:
        return None
    plugins = config.get("plugins", [config]) if isinstance(config, dict) else []
    asked = [plugin.get("mtu") for plugin in (plugins if isinstance(plugins, list) else []) if isinstance(plugin, dict)]
    return next((mtu for mtu in asked if isinstance(mtu, int) and mtu > 0), None)


def mtu_of_pods(pods: Iterable[Pod]) -> int | None:
    """The smallest MTU that multus reports; ``None`` when it reports none for some pod."""
    found = [pod.mtu for pod in pods if pod.attached is not None]
    known = [mtu for mtu in found if mtu is not None]
    return min(known) if known and len(known) == len(found) else None
