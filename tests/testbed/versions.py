# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which KubeVirt a cluster runs; pure."""

from __future__ import annotations

import re

KUBEVIRT = "v1.9.0"
_HARVESTER = {"v1.6": "v1.5.2", "v1.7": "v1.6.3", "v1.8": "v1.7.0", "v1.8.2": "v1.7.4", "v1.9": "v1.8.4"}
"""By release of Harvester, or by its first two numbers: what its chart names."""

_DECENTRALIZED = (1, 6)


def kubevirt(harvester: str) -> str:
    """The KubeVirt of a release of Harvester; without one the newest. :raises ValueError: for an unknown release."""
    if not harvester:
        return KUBEVIRT
    minor = ".".join(harvester.split(".")[:2])
    found = _HARVESTER.get(harvester) or _HARVESTER.get(minor)
    if found is None:
        raise ValueError(f"no Harvester {harvester!r} is known; there are: {', '.join(_HARVESTER)}")
    return found


def decentralized(version: str) -> bool:
    """Whether a KubeVirt knows the gate for moves between clusters; older ones take it and do nothing."""
    numbers = re.match(r"v(\d+)\.(\d+)", version)
    # A build of one's own is as new as can be.
    return numbers is None or (int(numbers[1]), int(numbers[2])) >= _DECENTRALIZED
