# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects that somebody else applies."""

from __future__ import annotations


class ModuleDocFragment:
    """Objects that somebody else applies."""

    DOCUMENTATION = r"""
options:
  allow_gitops:
    description:
      - Whether to change or remove an object that bears the marks of a GitOps tool (Argo CD, Flux), with a warning. The
        tool may undo it.
      - Without it the module fails when something differs, and says what to change in the tool's repository.
    type: bool
    default: false
"""
