# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster without running migrations, looked at right before each write that would break one."""

from __future__ import annotations

from . import _kubevirt as kv
from ._cluster import Cluster
from ._errors import Busy, Missing
from ._job import Job
from ._wait import Verdict

_WANTED = "no unfinished migration"
_OBJECT = "VirtualMachineInstanceMigration"


def require(
    job: Job, harm: str, *, seconds: float = 0, allow: bool = False, cluster: Cluster | None = None
) -> list[str]:
    """Refuse while migrations run anywhere on the cluster, or wait until they have ended.

    Check mode does not wait: it says that it would.

    :param harm: what the write would do to them, a sentence.
    :param seconds: how long to wait; 0 refuses at once.
    :param allow: whether the user takes the harm.
    :param cluster: where to look; only modules of one cluster need not say it.
    :returns: warnings.
    :raises Busy: while they run.
    :raises DeadlineExceeded: when they still ran after the time.
    """
    where = cluster or job.cluster
    open_ones = [] if allow else _unfinished(where)
    if not open_ones:
        return []
    name = where.name
    if not seconds:
        hint = f"{harm} Let them end or cancel them; with wait_for_migrations the run waits for them."
        raise Busy(_WANTED, ", ".join(open_ones), name, _OBJECT, hint)
    if job.check_mode:
        return [f"{name}: would wait for {len(open_ones)} unfinished migrations: {', '.join(open_ones)}"]

    def look() -> Verdict:
        left = kv.unfinished_migrations(where)
        return Verdict(not left, f"{len(left)} left, such as {left[0]}" if left else "")

    job.wait(
        look,
        seconds=seconds,
        expected=_WANTED,
        clusters=[where],
        object=_OBJECT,
        hint=f"{harm} Let them end or cancel them, and run again.",
        pause=1.0,
    )
    return []


def _unfinished(cluster: Cluster) -> list[str]:
    try:
        return kv.unfinished_migrations(cluster)
    except Missing:
        # Without KubeVirt nothing migrates.
        return []
