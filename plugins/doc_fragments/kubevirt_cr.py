# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which KubeVirt CR of a cluster is meant."""

from __future__ import annotations


class ModuleDocFragment:
    """Which KubeVirt CR of a cluster is meant."""

    DOCUMENTATION = r"""
options:
  namespace:
    description:
      - Namespace of the KubeVirt CR.
      - Needed only when there are several; otherwise the only CR of the cluster is taken.
    type: str
  name:
    description:
      - Name of the KubeVirt CR.
      - Needed only when there are several.
    type: str
"""
