# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of a move, and the values they mean."""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Mapping
from typing import Any

from ._address_plans import plans
from ._addresses import AddressPlan
from ._argspec import ArgumentSpec, Options
from ._errors import BadInput
from ._move_address import Network, Slice
from ._move_stage import Stage
from ._move_steps import State, Wish
from ._whereabouts import Span

CHECKED = "checked"
"""Only look whether a move would be refused."""

_BOUNDS: Options = {"first": {"type": "str", "required": True}, "last": {"type": "str", "required": True}}

_SECONDS = {
    "receive_timeout": 120,
    "sync_timeout": 60,
    "schedule_timeout": 300,
    "prepare_timeout": 120,
    "finish_timeout": 120,
    "trouble_grace": 10,
}


def options() -> ArgumentSpec:
    """Everything but the connections."""
    return ArgumentSpec(
        {
            "name": {"type": "str", "required": True},
            "namespace": {"type": "str", "required": True},
            "target_namespace": {"type": "str"},
            "state": {"type": "str", "choices": ["migrated", "prepared", "absent", CHECKED], "default": "migrated"},
            "range": {"type": "str"},
            "max_clusters": {"type": "int"},
            "weights": {"type": "list", "elements": "int"},
            "source_slot": {"type": "int"},
            "target_slot": {"type": "int"},
            "source_slice": {"type": "dict", "options": _BOUNDS},
            "target_slice": {"type": "dict", "options": _BOUNDS},
            "allow_outside_slice": {"type": "bool", "default": False},
            "keep_source": {"type": "bool", "default": True},
            "clean": {"type": "bool", "default": True},
            "copy_timeout": {"type": "int"},
            **{name: {"type": "int", "default": seconds} for name, seconds in _SECONDS.items()},
        },
        mutually_exclusive=(("range", "target_slice"), ("range", "source_slice")),
        required_together=(("range", "max_clusters", "target_slot"),),
        required_by={"source_slot": ("range",), "weights": ("range",), "source_slice": ("target_slice",)},
    )


@dataclasses.dataclass(frozen=True, slots=True)
class Patience:
    """How long each stage may last, and how long a trouble that KubeVirt cannot get over."""

    stages: Mapping[Stage, float]
    grace: float

    def of(self, stage: Stage, copy: float) -> float:
        """Seconds for a stage; ``copy`` is what KubeVirt itself allows for the copy."""
        seconds = self.stages.get(stage)
        return copy if seconds is None else seconds


def patience(params: Mapping[str, Any]) -> Patience:
    """The deadlines. :raises BadInput: when one is negative."""
    for name in (*_SECONDS, "copy_timeout"):
        if params.get(name) is not None and params[name] < 0:
            raise BadInput(f"{name} of at least 0 seconds", str(params[name]), reason="bad_timeout")
    stages = {
        Stage.RECEIVE: params["receive_timeout"],
        Stage.SYNC: params["sync_timeout"],
        Stage.SCHEDULE: params["schedule_timeout"],
        Stage.PREPARE: params["prepare_timeout"],
        Stage.FINISH: params["finish_timeout"],
        Stage.UNDO: params["finish_timeout"],
    }
    if params.get("copy_timeout") is not None:
        stages[Stage.COPY] = params["copy_timeout"]
    return Patience(stages, params["trouble_grace"])


def wish(params: Mapping[str, Any]) -> Wish:
    """What the user wants. :raises BadInput: when the addresses make no sense."""
    state: State = "migrated" if params["state"] == CHECKED else params["state"]
    return Wish(state, network(params), params["clean"], params["keep_source"])


def network(params: Mapping[str, Any]) -> Network:
    """The slices of both clusters as far as they are given."""
    found: dict[str, Slice | None] = {}
    for side in ("source", "target"):
        bounds, slot = params.get(f"{side}_slice"), params.get(f"{side}_slot")
        found[side] = None
        if bounds:
            found[side] = _bounds(bounds, f"{side}_slice")
        elif params.get("range") and slot is not None:
            found[side] = Slice((_plan(params).slice(slot).block,))
    if params.get("source_slot") is not None and params["source_slot"] == params.get("target_slot"):
        hint = "Give each cluster its own slot."
        raise BadInput("two different slots", f"slot {params['source_slot']} for both", hint=hint, reason="same_slot")
    return Network(found["source"], found["target"], params["allow_outside_slice"])


def _plan(params: Mapping[str, Any]) -> AddressPlan:
    """Of the range alone: KubeVirt moves nothing over the addresses of a second one."""
    return plans(params["range"], max_clusters=params["max_clusters"], weights=params.get("weights") or ())[0]


def _bounds(bounds: Mapping[str, str], option: str) -> Slice:
    try:
        first, last = (ipaddress.ip_address(bounds[end]) for end in ("first", "last"))
    except ValueError as error:
        raise BadInput(f"addresses in {option}", str(error), reason="bad_slice") from error
    if first.version != last.version or int(first) > int(last):
        raise BadInput(f"{option}.first not after {option}.last", f"{first} and {last}", reason="bad_slice")
    return Slice((Span(first, last),))
