# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a fleet in words, as a filter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..module_utils import _verify_text

DOCUMENTATION = r"""
name: fleet_report_lines
short_description: The report of a fleet in words
version_added: 0.1.0
author:
  - The livemigration.kubevirt authors (@livemigration)
description:
  - One line a cluster, then what differs, each thing once.
options:
  _input:
    description: What the filter P(livemigration.kubevirt.fleet_report#filter) gives.
    type: dict
    required: true
seealso:
  - plugin: livemigration.kubevirt.fleet_report
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Say what is known of a cluster that nobody has looked at
  ansible.builtin.debug:
    msg: "{{ {'munich': {}} | livemigration.kubevirt.fleet_report | livemigration.kubevirt.fleet_report_lines }}"
"""

RETURN = r"""
_value:
  description: The lines.
  type: list
  elements: str
"""


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters by name."""
        return {"fleet_report_lines": _verify_text.lines}
