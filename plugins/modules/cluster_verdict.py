#!/usr/bin/python
# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""See DOCUMENTATION; the work is that of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_verdict
short_description: End a cluster of a play as it was found
version_added: 0.1.0
description:
  - Lets the recap and the exit code of C(ansible-playbook) tell a cluster that differs from one that could not be
    looked at.
  - It runs on the controller and talks to no cluster.
author:
  - The livemigration.kubevirt authors (@livemigration)
options:
  outcome:
    description:
      - V(ok) goes on.
      - V(drift) fails the host. When that is the worst of all hosts, C(ansible-playbook) exits with 2.
      - V(incomplete) makes the host unreachable. C(ansible-playbook) exits with 4 then, whatever the others are.
    type: str
    choices: [ok, drift, incomplete]
    required: true
  message:
    description:
      - What is shown.
    type: str
    required: true
attributes:
  action:
    description: Runs as an action plugin on the controller.
    support: full
  check_mode:
    description: Can run in C(check_mode) and return the changed status prediction without writing anything.
    support: full
  diff_mode:
    description: Returns details on what has changed, or would change in C(check_mode).
    support: none
seealso:
  - plugin: livemigration.kubevirt.fleet_report
    plugin_type: filter
"""

EXAMPLES = r"""
- name: End as it was found
  livemigration.kubevirt.cluster_verdict:
    outcome: ok
    message: munich is as the inventory says
"""

RETURN = r"""
msg:
  description: The message.
  returned: always
  type: str
"""
