# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a module's work is given, and how it ends: the same inside the Ansible worker and as a plain module."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from . import _gitops as gitops
from ._cluster import Cluster, Object
from ._errors import Conflict, Forbidden
from ._plan import Plan, Ref, apply, refuse_forbidden
from ._wait import Clock, Tell

Result = dict[str, Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Job:
    """One call of a module.

    :param params: the validated options.
    :param clusters: ``cluster`` for modules of one cluster, ``source`` and ``target`` for those of two.
    :param tell: prints one line of progress (swallowed where nobody can see it).
    """

    params: Mapping[str, Any]
    check_mode: bool
    clusters: Mapping[str, Cluster]
    clock: Clock
    tell: Tell

    @property
    def cluster(self) -> Cluster:
        """The cluster of a module that has one."""
        return self.clusters["cluster"]

    def apply(self, plan: Plan) -> dict[Ref, Object]:
        """Write the plan, unless in check mode; what may not be written is refused first, also in check mode."""
        try:
            gitops.refuse(plan, self.params)
            refuse_forbidden(plan, self.clusters)
        except (Conflict, Forbidden) as error:
            if self.check_mode:
                # Who may only read, or finds another tool at work, still learns what differs.
                error.result |= {"actions": plan.actions(), "diff": plan.diff()}
            raise
        return {} if self.check_mode else apply(plan, self.clusters)

    def finish(self, plan: Plan, **extra: Any) -> Result:
        """The result of a call that made, or in check mode would make, ``plan``; it writes nothing itself."""
        result: Result = {"changed": plan.changed, "diff": plan.diff(), "actions": plan.actions(), **extra}
        warnings = [*plan.warnings, *extra.get("warnings", []), *gitops.warnings(plan, self.params)]
        result.pop("warnings", None)
        if warnings:
            result["warnings"] = warnings
        return result


Work = Callable[[Job], Result]
"""The whole work of a module."""
