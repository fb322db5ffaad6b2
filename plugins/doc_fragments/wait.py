# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a module waits."""

from __future__ import annotations


class ModuleDocFragment:
    """How long a module waits."""

    DOCUMENTATION = r"""
options:
  wait_timeout:
    description:
      - Seconds to wait, as a whole, until the cluster has done its part.
      - When they have passed the module fails and says what was expected, what was seen and what to do.
    type: int
    default: 300
"""
