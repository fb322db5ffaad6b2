# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the demo calls our time."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

OUR_TIME = runpy.run_path(str(Path(__file__).resolve().parents[2] / "scripts" / "our_time.py"))
VM = "/apis/kubevirt.io/v1/namespaces/default/virtualmachines/vm-1"
VMI = "/apis/kubevirt.io/v1/namespaces/default/virtualmachineinstances/vm-1"


def write(seconds: float, user: str, path: str = VM) -> dict[str, Any]:
    return {"time": f"2026-11-22T12:00:{seconds:09.6f}+00:00", "user": user, "path": path}


def test_only_the_time_before_our_own_writes_is_ours() -> None:
    writes = [
        write(1.0, "kubelet"),
        write(2.0, "admin"),
        write(5.0, "virt-controller", VMI),
        write(5.25, "admin"),
        write(5.75, "admin"),
        write(9.0, "virt-controller", VMI),
    ]
    total, ours = OUR_TIME["added"](reversed(writes), "default", "vm-1")
    assert (total, ours) == (3.75, 0.75)


def test_writes_about_other_things_do_not_count() -> None:
    writes = [write(1.0, "admin"), write(2.0, "admin")]
    other = [write(1.9, "kubelet", VM.replace("vm-1", "vm-10")), write(1.9, "kubelet", "/api/v1/nodes/n")]
    assert OUR_TIME["added"](writes + other, "default", "vm-1").ours == 1.0
    launcher = write(1.5, "kubelet", "/api/v1/namespaces/default/pods/virt-launcher-vm-1-abcde/status")
    assert OUR_TIME["added"]([*writes, launcher], "default", "vm-1").ours == 0.5


def test_it_is_a_lower_bound() -> None:
    """A write of KubeVirt's that nobody waited for hides that we were late; nobody records what we waited for."""
    late = [write(1.0, "admin"), write(2.0, "virt-controller", VMI), write(4.0, "admin")]
    unrelated = write(3.9, "virt-handler", VMI)
    assert OUR_TIME["added"](late, "default", "vm-1").ours == 2.0
    assert OUR_TIME["added"]([*late, unrelated], "default", "vm-1").ours == pytest.approx(0.1)


def test_a_move_without_a_write_of_ours_is_none() -> None:
    with pytest.raises(ValueError, match="no write of admin"):
        OUR_TIME["added"]([write(1.0, "kubelet")], "default", "vm-1")
