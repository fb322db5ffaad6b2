# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every module of the collection supports."""

from __future__ import annotations


class ModuleDocFragment:
    """What every module of the collection supports."""

    DOCUMENTATION = r"""
attributes:
  check_mode:
    description: Can run in C(check_mode) and return the changed status prediction without writing anything.
    support: full
  diff_mode:
    description: Returns details on what has changed, or would change in C(check_mode).
    support: full
  idempotent:
    description: A repeat of the same call changes nothing and writes nothing.
    support: full
"""

    # Not CLUSTER: Ansible takes attributes.cluster for the fragment cluster.
    ACTION_GROUP = r"""
attributes:
  action_group:
    description: Use C(group/livemigration.kubevirt.cluster) in C(module_defaults) to set the connection once.
    support: full
    membership:
      - livemigration.kubevirt.cluster
"""
