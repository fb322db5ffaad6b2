# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each run strategy makes of a VM and its instance: virt-controller's decision, as a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from . import vmi as it

FAILED_CREATE = "FailedCreate"
_LOOK_AGAIN = 2.0

Vm = Mapping[str, Any]
Vmi = Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do now. `strategy` is written into the VM's spec by action "change"."""

    action: Literal["nothing", "start", "stop", "change", "refuse"] = "nothing"
    strategy: str = ""
    again: float | None = None
    error: str = ""
    start_afterwards: bool = False
    """Ask for a start once the instance is gone."""


NOTHING = Decision()
START = Decision("start")
STOP = Decision("stop")


def run_strategy(vm: Vm) -> str:
    """The strategy in force; `running` is the old way to say Always or Halted."""
    spec = vm["spec"]
    if spec.get("runStrategy"):
        return str(spec["runStrategy"])
    return "Always" if spec.get("running") else "Halted"


def decide(vm: Vm, vmi: Vmi, now: datetime) -> Decision:
    match run_strategy(vm):
        case "Always":
            return _always(vm, vmi, now)
        case "RerunOnFailure":
            return _rerun_on_failure(vm, vmi, now)
        case "Manual":
            return _manual(vm, vmi)
        case "Halted":
            return NOTHING if vmi is None else STOP
        case "Once":
            return START if vmi is None else NOTHING
        case "WaitAsReceiver":
            return _wait_as_receiver(vm, vmi)
        case unknown:
            return Decision("refuse", error=f"unknown runstrategy: {unknown}")


def _always(vm: Vm, vmi: Vmi, now: datetime) -> Decision:
    """A guest that ended is started again, unless it ended because it moved to another cluster."""
    if vmi is None:
        return _start_after_pause(vm, now)
    if not it.is_final(vmi) and not has_stop_request(vm, vmi):
        return NOTHING
    if not it.is_decentralized(vmi):
        return STOP
    if it.migration_completed(vmi):
        return Decision("change", "Halted")
    # The launcher ended before word of the success came over from the target.
    return Decision(again=_LOOK_AGAIN)


def _rerun_on_failure(vm: Vm, vmi: Vmi, now: datetime) -> Decision:
    if vmi is not None:
        if it.deleting(vmi) or not (it.is_final(vmi) or has_stop_request(vm, vmi)):
            return NOTHING
        return Decision("stop", start_afterwards=it.phase(vmi) == "Failed")
    return _start_after_pause(vm, now) if may_rerun(vm) else NOTHING


def _manual(vm: Vm, vmi: Vmi) -> Decision:
    if vmi is None:
        return START if has_start_request(vm) else NOTHING
    return STOP if has_stop_request(vm, vmi) else NOTHING


def _wait_as_receiver(vm: Vm, vmi: Vmi) -> Decision:
    """An instance is made to receive; once it has received, the strategy to restore is read from the VM."""
    if vmi is None:
        return START
    if it.is_receiver(vmi):
        return NOTHING
    if not it.migration_completed(vmi):
        return Decision("refuse", error="Found non receiver VMI while VM is receiver")
    restored = it.annotated(vm).get(it.RESTORE_RUN_STRATEGY)
    return Decision("change", restored) if restored is not None else NOTHING


def _start_after_pause(vm: Vm, now: datetime) -> Decision:
    left = backoff_left(vm, now)
    return Decision(again=left) if left > 0 else START


def may_rerun(vm: Vm) -> bool:
    """RerunOnFailure starts on request, or when it has just become the strategy."""
    return has_start_request(vm) or it.status(vm).get("runStrategy") != "RerunOnFailure"


def has_start_request(vm: Vm) -> bool:
    return _first_request(vm).get("action") == "Start"


def has_stop_request(vm: Vm, vmi: Mapping[str, Any]) -> bool:
    request = _first_request(vm)
    return request.get("action") == "Stop" and request.get("uid") == vmi["metadata"]["uid"]


def request_is_done(vm: Vm, vmi: Vmi) -> bool:
    """Whether the first request has been answered by what is there now."""
    request = _first_request(vm)
    match request.get("action"):
        case "Stop":
            return vmi is None or request.get("uid") != vmi["metadata"]["uid"]
        case "Start":
            return vmi is not None and not it.deleting(vmi) and not it.is_final(vmi)
        case _:
            return False


def is_set_to_start(vm: Vm, vmi: Vmi) -> bool:
    """Whether the VM's strategy wants a guest; only the wait for its volumes asks this."""
    match run_strategy(vm):
        case "Always":
            return True
        case "Manual":
            return has_start_request(vm) if vmi is None else not has_stop_request(vm, vmi)
        case "RerunOnFailure":
            return may_rerun(vm) if vmi is None else it.phase(vmi) != "Succeeded"
        case "Once":
            return vmi is None
        case _:
            return False


def backoff_left(vm: Vm, now: datetime) -> float:
    """Seconds until a guest that failed to start may be tried again."""
    failure = it.status(vm).get("startFailure") or {}
    moment = failure.get("retryAfterTimestamp")
    if not moment:
        return 0.0
    return max(0.0, (datetime.fromisoformat(moment) - now).total_seconds())


def _first_request(vm: Vm) -> Mapping[str, Any]:
    requests = it.status(vm).get("stateChangeRequests") or [{}]
    first: Mapping[str, Any] = requests[0]
    return first
