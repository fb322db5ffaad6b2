# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The waits for a receiver: until it waits for the guest, and until nothing of it is left."""

from __future__ import annotations

from collections.abc import Callable

from ._cluster import Object
from ._job import Job
from ._resources import FINAL, VM, VMI
from ._wait import Verdict


def until_it_waits(job: Job, namespace: str) -> None:
    """Wait for phase WaitingForSync of the receiver's VMI.

    :raises DeadlineExceeded: after ``wait_timeout`` seconds.
    """
    target, name = job.clusters["target"], job.params["name"]

    def look() -> Verdict:
        phase = _phase(_vmi(job, namespace))
        # Past that point a guest arrives: a move that an earlier run began has not waited for this one.
        if phase not in ("", "Pending", *FINAL):
            return Verdict(True)
        vm = target.get(VM, name, namespace)
        shown = ((vm or {}).get("status") or {}).get("printableStatus") or "no status yet"
        return Verdict(False, f"the VM shows {shown}, its VMI {phase or 'is not there yet'}")

    hint = "See the events of the VM and of its volumes; virt-controller's log names what it waits for."
    _wait(job, namespace, look, "the receiver to wait for the guest (WaitingForSync)", hint)


def until_it_is_gone(job: Job, namespace: str) -> None:
    """Wait until the target has no VMI: who looks next shall not take that of a receiver that goes for a guest.

    :raises DeadlineExceeded: after ``wait_timeout`` seconds.
    """

    def look() -> Verdict:
        vmi = _vmi(job, namespace)
        return Verdict(vmi is None, f"its VMI is {_phase(vmi) or 'without a phase'}")

    _wait(job, namespace, look, "the receiver's empty VMI to go", "See the VMI's events; virt-controller's log.")


def _vmi(job: Job, namespace: str) -> Object | None:
    return job.clusters["target"].get(VMI, job.params["name"], namespace)


def _phase(vmi: Object | None) -> str:
    return str(((vmi or {}).get("status") or {}).get("phase") or "")


def _wait(job: Job, namespace: str, look: Callable[[], Verdict], expected: str, hint: str) -> None:
    job.wait(
        look,
        expected=expected,
        clusters=[job.clusters["target"]],
        object=f"VirtualMachine {namespace}/{job.params['name']}",
        hint=hint,
        pause=0.1,
    )
