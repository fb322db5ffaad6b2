# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What moves have left behind on a cluster: open attempts, stuck migrations, receivers without a guest."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from . import _attempt as attempt
from ._checks import Finding
from ._cluster import Cluster, Object, namespaced_name
from ._resources import FINAL, VM, VMI, VMIM

PATIENCE = 10
"""Minutes after which a migration that has not ended, or is being deleted, is worth a word, whoever made it."""

_UNDO = "ansible-playbook livemigration.kubevirt.migrate -e vm_migration_state=absent"


class Left(NamedTuple):
    """One object with the mark of a move, or a migration of anybody's that is late.

    :param what: ``source`` (VM with an open attempt), ``migration`` or ``receiver`` (VM that waits for a guest).
    :param phase: of a migration its phase, of a VM its run strategy.
    :param vm: the VM it belongs to, as ``namespace/name``.
    :param attempt: the attempt of a move of ours; empty for what somebody else made.
    :param minutes: of a migration how long it has not ended, or has been about to be deleted.
    :param target: whether this cluster is the target of the move; ``None`` when it is no move between clusters.
    :param there: of a migration whether its VMI is there.
    :param guest: of a receiver the phase of its VMI, empty without one.
    :param source_cluster: of a receiver the UID of the cluster that its guest comes from.
    :param source_vm: of a receiver the UID of the VM that its guest comes from.
    """

    what: str
    object: str
    vm: str
    attempt: str
    phase: str
    deleting: bool = False
    minutes: int = 0
    target: bool | None = None
    there: bool = True
    uid: str = ""
    guest: str = ""
    source_cluster: str = ""
    source_vm: str = ""

    @property
    def stuck(self) -> bool:
        """Whether it neither goes on nor ends, as far as one look can tell."""
        late = self.minutes >= PATIENCE
        return self.what == "migration" and late and (self.deleting or not (self.attempt or self.phase in FINAL))

    def as_dict(self) -> dict[str, Any]:
        """As a result carries it."""
        hidden = ("target", "there")
        return {name: value for name, value in self._asdict().items() if name not in hidden}


def read(cluster: Cluster, now: datetime.datetime) -> tuple[Left, ...]:
    """What belongs to a move that is open or was given up, and what is late; of what ended well nothing is left."""
    found = [each for each in _migrations(cluster.list(VMIM), now) if each.attempt or each.stuck]
    return tuple(_with_guest(cluster, each) for each in (*_vms(cluster.list(VM)), *found))


def _with_guest(cluster: Cluster, left: Left) -> Left:
    if not (left.stuck or left.what == "receiver"):
        return left
    namespace, _slash, name = left.vm.partition("/")
    guest = cluster.get(VMI, name, namespace)
    return left._replace(there=guest is not None) if left.stuck else left._replace(guest=attempt.phase(guest))


def _vms(found: Iterable[Object]) -> Iterator[Left]:
    for vm in found:
        name, strategy = namespaced_name(vm), attempt.strategy(vm.get("spec") or {})
        title = f"VirtualMachine {name}"
        if _note(vm, attempt.ATTEMPT):
            yield Left("source", title, name, _note(vm, attempt.ATTEMPT), strategy, target=False)
        elif strategy == attempt.RECEIVER and _note(vm, attempt.SOURCE_VM):
            yield Left(
                *("receiver", title, name, "", strategy),
                target=True,
                uid=str(vm["metadata"].get("uid") or ""),
                source_cluster=_note(vm, attempt.SOURCE_CLUSTER),
                source_vm=_note(vm, attempt.SOURCE_VM),
            )


def _migrations(found: Iterable[Object], now: datetime.datetime) -> Iterator[Left]:
    for vmim in found:
        name, metadata, spec = namespaced_name(vmim), vmim["metadata"], vmim.get("spec") or {}
        since = metadata.get("deletionTimestamp") or metadata.get("creationTimestamp")
        yield Left(
            "migration",
            f"VirtualMachineInstanceMigration {name}",
            f"{metadata.get('namespace')}/{spec.get('vmiName')}",
            _note(vmim, attempt.ATTEMPT),
            str((vmim.get("status") or {}).get("phase") or "new"),
            deleting="deletionTimestamp" in metadata,
            minutes=int((now - datetime.datetime.fromisoformat(since)).total_seconds() // 60) if since else 0,
            target=True if "receive" in spec else False if "sendTo" in spec else None,
        )


def _note(body: Object, name: str) -> str:
    return str((body["metadata"].get("annotations") or {}).get(name) or "")


def findings(cluster: str, left: Iterable[Left]) -> Iterator[Finding]:
    """Warnings only: from one cluster a move that runs and one that was given up look the same.

    An unfinished migration stands for its move; only what has nothing unfinished beside it is named by itself.
    """
    left = tuple(left)
    running = {each.vm for each in left if each.what == "migration" and each.attempt and each.phase not in FINAL}
    for each in left:
        match each.what:
            case "migration" if each.stuck:
                state = "being deleted" if each.deleting else "unfinished"
                found = f"phase {each.phase}, {state} for {each.minutes} minutes"
                wanted = "no migration that neither goes on nor ends"
                yield Finding("migration-stuck", "warning", cluster, each.object, wanted, found, _stuck(each))
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
    source, target = ("SOURCE", cluster) if left.target else (cluster, "TARGET")
    return Finding(check, "warning", cluster, left.object, wanted, found, way_out(source, target, left.vm))


def way_out(source: str, target: str, vm: str) -> str:
    """What ends a move in either way; it asks both clusters first."""
    return f"Repeat the move, which picks up where it stood, or give it up: {giving_up(source, target, vm)}."


def giving_up(source: str, target: str, vm: str) -> str:
    """The command that does it. It takes only a receiver that is proven empty."""
    return f"{_UNDO} -e source={source} -e target={target} -e vms={vm}"


def _stuck(left: Left) -> str:
    """What to do; nobody is told to take anything from a guest that is there."""
    harm = "While it is there, changes of the network and teardown are refused."
    if left.phase in FINAL:
        harm = "Its VMI may refuse every further migration."
    if left.deleting and not left.there:
        return f"{harm} Its VMI is gone and nothing ends it any more: remove its finalizers."
    if left.deleting:
        return f"{harm} Look at virt-controller's log; leave its finalizers alone while the VMI runs."
    return f"{harm} If it does not go on, look at its conditions and cancel it by deleting it."
