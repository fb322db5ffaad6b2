# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was read of a fleet as a report, as a filter."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..module_utils import _verify
from ..module_utils._verify_bundles import Bundles

DOCUMENTATION = r"""
name: fleet_report
short_description: Judge what was read of every cluster of a fleet
version_added: 0.1.0
author:
  - The livemigration.kubevirt authors (@livemigration)
description:
  - From what the role P(livemigration.kubevirt.verify#role) has read of each cluster to one report of the fleet.
  - The form of the report is described by C(docs/verify_schema.json).
positional: _input, trust, findings
options:
  _input:
    description:
      - What was read, by cluster. C(cluster) is the result of M(livemigration.kubevirt.cluster_info), C(look) that of
        M(livemigration.kubevirt.migration_network_info), C(results) are those of the modules that ran in check mode,
        C(failures) tells by part (C(look), C(compare), C(fleet), C(trust)) what ended it.
      - What is not there is unknown.
    type: dict
    required: true
  trust:
    description: The results of M(livemigration.kubevirt.migration_trust) in check mode, one a pair of clusters.
    type: list
    elements: dict
    default: []
  findings:
    description: What the filter P(livemigration.kubevirt.fleet_findings#filter) gives.
    type: list
    elements: dict
    default: []
  bundles:
    description: The results of M(livemigration.kubevirt.trust_bundle), one a cluster.
    type: list
    elements: dict
    default: []
  staying:
    description: Every cluster of the inventory that is not marked to leave. Trust in others is a warning.
    type: list
    elements: str
    default: []
  expiry_warning_days:
    description: A CA that expires in fewer days is a warning.
    type: float
    default: 1
  probe:
    description: What M(livemigration.kubevirt.migration_probe) found, if it ran.
    type: dict
    default: {}
seealso:
  - plugin: livemigration.kubevirt.fleet_report_lines
    plugin_type: filter
"""

EXAMPLES = r"""
- name: A cluster of which nothing was read is not right
  ansible.builtin.assert:
    that: (nothing | livemigration.kubevirt.fleet_report).outcome == 'incomplete'
  vars:
    nothing: {munich: {}}
"""

RETURN = r"""
_value:
  description: The report.
  type: dict
"""


def fleet_report(
    fleet: Mapping[str, Mapping[str, Any]],
    trust: Sequence[Mapping[str, Any]] = (),
    findings: Sequence[Mapping[str, Any]] = (),
    bundles: Sequence[Mapping[str, Any]] = (),
    staying: Sequence[str] = (),
    expiry_warning_days: float = 1.0,
    probe: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The report."""
    finished = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    trusted = Bundles(bundles, frozenset(staying), float(expiry_warning_days))
    return _verify.report(fleet, trust, findings, finished, trusted, probe)


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters by name."""
        return {"fleet_report": fleet_report}
