# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What moves have left behind on a cluster: open attempts, migrations that ended, receivers without a guest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from . import _attempt as attempt
from ._checks import Finding
from ._cluster import Cluster, Object, namespaced_name
from ._resources import FINAL, VM, VMIM

_REPEAT = "Repeat the move: it picks up where it stood."


class Left(NamedTuple):
    """One object with the mark of a move.

    :param what: ``source`` (VM with an open attempt), ``migration`` or ``receiver`` (VM that waits for a guest).
    :param phase: of a migration its phase, of a VM its run strategy.
    :param vm: the VM it belongs to, as ``namespace/name``.
    """

    what: str
    object: str
    vm: str
    attempt: str
    phase: str

    def as_dict(self) -> dict[str, Any]:
        """As a result carries it."""
        return self._asdict()


def read(cluster: Cluster) -> tuple[Left, ...]:
    """Every object of a move that is open or was given up; of one that ended well none is left."""
    return (*_vms(cluster.list(VM)), *_migrations(cluster.list(VMIM)))


def _vms(found: Iterable[Object]) -> Iterator[Left]:
    for vm in found:
        name, strategy = namespaced_name(vm), attempt.strategy(vm.get("spec") or {})
        title = f"VirtualMachine {name}"
        if _note(vm, attempt.ATTEMPT):
            yield Left("source", title, name, _note(vm, attempt.ATTEMPT), strategy)
        elif strategy == attempt.RECEIVER and _note(vm, attempt.SOURCE_VM):
            yield Left("receiver", title, name, "", strategy)


def _migrations(found: Iterable[Object]) -> Iterator[Left]:
    for vmim in found:
        if _note(vmim, attempt.ATTEMPT):
            name, spec, status = namespaced_name(vmim), vmim.get("spec") or {}, vmim.get("status") or {}
            vm = f"{vmim['metadata'].get('namespace')}/{spec.get('vmiName')}"
            title = f"VirtualMachineInstanceMigration {name}"
            yield Left("migration", title, vm, _note(vmim, attempt.ATTEMPT), str(status.get("phase") or "new"))


def _note(body: Object, name: str) -> str:
    return str((body["metadata"].get("annotations") or {}).get(name) or "")


def findings(cluster: str, left: Iterable[Left]) -> Iterator[Finding]:
    """Warnings only: from one cluster a move that runs and one that was given up look the same.

    An unfinished migration stands for its move; only what has nothing unfinished beside it is named by itself.
    """
    left = tuple(left)
    running = {each.vm for each in left if each.what == "migration" and each.phase not in FINAL}
    for each in left:
        match each.what:
            case "migration" if each.phase in FINAL:
                found = f"it is {each.phase}, of attempt {each.attempt}"
                yield _warning("migration-left", cluster, each, "no migration of a move that is over", found)
            case "migration":
                found = f"phase {each.phase}, attempt {each.attempt}"
                yield _warning("move-open", cluster, each, "no move under way", found)
            case "source" if each.vm not in running:
                found = f"attempt {each.attempt} is open, run strategy {each.phase}"
                yield _warning("move-given-up", cluster, each, "no move that was given up", found)
            case "receiver" if each.vm not in running:
                found = f"run strategy {each.phase} and no migration towards it"
                yield _warning("receiver-left", cluster, each, "no receiver without a move", found)


def _warning(check: str, cluster: str, left: Left, wanted: str, found: str) -> Finding:
    return Finding(check, "warning", cluster, left.object, wanted, found, _REPEAT)
