# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a module's work is given, and how it ends: the same inside the Ansible worker and as a plain module."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from . import _gitops as gitops
from ._cluster import Cluster, Object
from ._errors import Conflict, Forbidden
from ._plan import Plan, Ref, apply, refuse_forbidden
from ._wait import Clock, Tell, Verdict, wait_for

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

    def wait(
        self,
        look: Callable[[], Verdict],
        *,
        expected: str,
        object: str,
        hint: str,
        seconds: float | None = None,
        clusters: Iterable[Cluster] | None = None,
        pause: float = 0.2,
    ) -> None:
        """Look until the verdict is done; what was missing is told as it changes.

        :param seconds: the deadline from now; ``wait_timeout`` of the module unless given.
        :param clusters: where it is awaited; the one of a module that has one unless given.
        :raises DeadlineExceeded: with what was expected, what was last seen, and the hint.
        """
        wait_for(
            look,
            seconds=self.params["wait_timeout"] if seconds is None else seconds,
            clock=self.clock,
            tell=self.tell,
            expected=expected,
            cluster=", ".join(each.name for each in ([self.cluster] if clusters is None else clusters)),
            object=object,
            hint=hint,
            pause=pause,
        )

    def left(self, deadline: float) -> float:
        """Seconds until a moment of the clock, for several waits that share one deadline."""
        return max(0.0, round(deadline - self.clock.now(), 1))

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
