# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet as filters take it."""

from __future__ import annotations


class ModuleDocFragment:
    """What filters are given of a fleet."""

    DOCUMENTATION = r"""
options:
  _input:
    description: The names of the clusters.
    type: list
    elements: str
    required: true
"""

    VARIABLES = r"""
options:
  hostvars:
    description: The variables of each cluster by its name, usually Ansible's own C(hostvars).
    type: dict
    required: true
"""
