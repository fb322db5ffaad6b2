# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which clusters of a fleet trust each other, as a filter."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError

from ..module_utils import _trust_fleet as fleet
from ..module_utils._errors import BadInput

DOCUMENTATION = r"""
name: trust_pairs
short_description: Which clusters of a fleet are to trust each other
version_added: 0.1.0
author:
  - The livemigration.kubevirt authors (@livemigration)
description:
  - Every two clusters, or the pairs that are named. Pairs of clusters that do not exist, clusters that are to be
    taken out and still are in the fleet, and bundles that would grow past the 50 CAs that KubeVirt keeps are refused.
  - With O(leaving) the pairs whose trust is to end instead, those with one of these clusters that trust each other now.
extends_documentation_fragment:
  - livemigration.kubevirt.fleet
positional: _input, pairs, bundles, forget
options:
  pairs:
    description: Pairs of names; every two clusters when there are none.
    type: list
    elements: list
    default: []
  bundles:
    description: What M(livemigration.kubevirt.trust_bundle) returned for each cluster, to see whether there is room.
    type: list
    elements: dict
    default: []
  forget:
    description: Clusters that left.
    type: list
    elements: str
    default: []
  inventory:
    description: Further names there are. Pairs with one of these do not concern this run, and are left out.
    type: list
    elements: str
    default: []
  leaving:
    description: Clusters that are to trust nobody any more, and nobody them, as far as O(bundles) say that they do.
    type: list
    elements: str
    default: []
  silent:
    description: Clusters that do not answer. Pairs with one of these are left out.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Show who is to trust whom
  ansible.builtin.debug:
    msg: "{{ ['munich', 'zurich', 'vienna'] | livemigration.kubevirt.trust_pairs([['munich', 'zurich']]) }}"
"""

RETURN = r"""
_value:
  description: The pairs, each a list of two names.
  type: list
  elements: list
"""


def trust_pairs(
    clusters: Sequence[str],
    pairs: Sequence[Any] = (),
    bundles: Sequence[Mapping[str, Any]] = (),
    forget: Sequence[str] = (),
    inventory: Sequence[str] = (),
    leaving: Sequence[str] = (),
    silent: Sequence[str] = (),
) -> list[list[str]]:
    """The pairs. :raises AnsibleFilterError: when they cannot be."""
    known = {each["cluster"]: each for each in bundles}
    try:
        wanted = fleet.pairs(list(clusters), pairs, inventory)
        fleet.refuse_present(clusters, forget)
        found = [pair for pair in wanted if not set(pair) & set(silent)]
        if leaving:
            found = fleet.trusting(known, leaving)
        else:
            fleet.refuse_overflow(found, known)
    except BadInput as error:
        raise AnsibleFilterError(str(error)) from error
    return [list(pair) for pair in found]


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters by name."""
        return {"trust_pairs": trust_pairs}
