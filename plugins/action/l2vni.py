# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs M(livemigration.kubevirt.l2vni) inside the Ansible worker."""

from __future__ import annotations

from ..modules.l2vni import MODULE
from ..plugin_utils._worker import WorkerAction


class ActionModule(WorkerAction):
    """See WorkerAction."""

    module = MODULE
