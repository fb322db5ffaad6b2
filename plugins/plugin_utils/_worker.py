# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a module's work inside the Ansible worker, where that is the same as running the module.

A module process costs the start of Python and the import of the client on every call; a worker is a fork that
has both already. A wait inside the worker can also show its progress while it goes on.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.parameters import remove_values
from ansible.module_utils.errors import UnsupportedError
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ..module_utils._argspec import secrets_of
from ..module_utils._connect import forget_keys
from ..module_utils._runner import Module, ansible_options, outcome

_display = Display()


class WorkerAction(ActionBase):  # type: ignore[misc]  # ansible ships no types
    """The action plugin of every module of the collection.

    Ansible imports an action plugin before it forks. So what a plugin imports, its module above all, is there in
    every worker; imported in the workers, it would be compiled anew for every task on every host.
    """

    module: Module
    TRANSFERS_FILES = False
    _supports_async = True
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Do the work here when that is the same, otherwise run the module."""
        task_vars = task_vars or {}
        result: dict[str, Any] = super().run(tmp, task_vars)
        if not self._in_worker(task_vars):
            wrap_async = self._task.async_val and not self._connection.has_native_async
            result |= self._execute_module(task_vars=task_vars, wrap_async=wrap_async)
        else:
            result |= self._work()
        if self._task.check_mode and task_vars.get("preflight_planning"):
            # What a run is going to change is not yet a change of that run; it is told in the actions.
            result["changed"] = False
        return result

    def _in_worker(self, task_vars: dict[str, Any]) -> bool:
        """Whether the module would run on this machine, as this user, with this interpreter, waited for."""
        if self._task.async_val or getattr(self._connection, "become", None) is not None:
            return False
        if getattr(self._connection, "transport", "") != "local":
            return False
        # Connection and become are already those of the host that the task is delegated to.
        delegated = (task_vars.get("ansible_delegated_vars") or {}).get(self._task.delegate_to)
        there = task_vars if delegated is None else delegated
        interpreter = self._templar.template(there.get("ansible_python_interpreter", "auto"))
        automatic = str(interpreter).startswith("auto")
        return automatic or os.path.realpath(str(interpreter)) == os.path.realpath(sys.executable)

    def _work(self) -> dict[str, Any]:
        module = self.module
        with self._task_environment():
            validator = ArgumentSpecValidator(ansible_options(module.spec.options), **module.spec.rules())
            validation = validator.validate(dict(self._task.args))
            if validation.error_messages:
                raise AnsibleActionFail(_refusal(self._task.resolved_action or self._task.action, validation.errors[0]))
            result, error = outcome(
                module, validation.validated_parameters, check_mode=self._task.check_mode, tell=self._tell
            )
        for warning in result.pop("warnings", []):
            _display.warning(warning)
        hide = validation._no_log_values | secrets_of(validation.validated_parameters)
        invocation = {"invocation": {"module_args": validation.validated_parameters}}
        hidden: dict[str, Any] = remove_values(result | invocation, hide)
        return hidden | {"failed": True} if error is not None else hidden

    def _tell(self, line: str) -> None:
        if not self._task.no_log:
            _display.display(f"  {line}", color=None)

    @contextmanager
    def _task_environment(self) -> Iterator[None]:
        """The task's ``environment``, as a module process would have it; the worker serves one task only."""
        given: dict[str, str] = {}
        for part in self._task.environment or []:
            given.update(self._templar.template(part) or {})
        before = dict(os.environ)
        os.environ.update({key: str(value) for key, value in given.items()})
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)
            forget_keys()


def _refusal(name: str, error: Exception) -> str:
    """What a module's own process says about its options."""
    unsupported = f"Unsupported parameters for ({name}) module: " if isinstance(error, UnsupportedError) else ""
    return f"{unsupported}{error}"
