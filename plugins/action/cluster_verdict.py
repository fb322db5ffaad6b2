# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ends a host of the play as failed or as unreachable; documented as module cluster_verdict.

A module cannot be asked for this: it runs on the controller alone and reads nothing.
"""

from __future__ import annotations

from typing import Any

from ..plugin_utils._worker import WorkerAction

_SPEC: dict[str, dict[str, Any]] = {
    "outcome": {"type": "str", "choices": ["ok", "drift", "incomplete"], "required": True},
    "message": {"type": "str", "required": True},
}


class ActionModule(WorkerAction):
    """See the documentation of the module."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Nothing but the result."""
        _validation, options = self.validate_argument_spec(argument_spec=_SPEC)
        return verdict(options["outcome"], options["message"])


def verdict(outcome: str, message: str) -> dict[str, Any]:
    """The result: Ansible counts failed hosts with exit code 2 and unreachable ones with 4."""
    ends = {"drift": {"failed": True}, "incomplete": {"unreachable": True}}
    return {"changed": False, "msg": message} | ends.get(outcome, {})
