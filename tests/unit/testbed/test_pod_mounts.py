# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A pod waits for the Secrets and ConfigMaps it mounts."""

from __future__ import annotations

from typing import Any

from testbed.sim.pod_mounts import missing

POD: dict[str, Any] = {
    "spec": {
        "volumes": [
            {"name": "seed", "secret": {"secretName": "seed"}},
            {"name": "settings", "configMap": {"name": "settings"}},
            {"name": "perhaps", "configMap": {"name": "perhaps", "optional": True}},
            {"name": "scratch", "emptyDir": {}},
        ]
    }
}


def test_what_is_not_there_is_named() -> None:
    assert missing(POD, lambda kind, name: False) == [
        'MountVolume.SetUp failed for volume "seed" : secret "seed" not found',
        'MountVolume.SetUp failed for volume "settings" : configmap "settings" not found',
    ]


def test_the_kinds_are_told_apart() -> None:
    there = {("secrets", "seed"), ("secrets", "settings")}
    assert missing(POD, lambda kind, name: (kind, name) in there) == [
        'MountVolume.SetUp failed for volume "settings" : configmap "settings" not found'
    ]


def test_nothing_missing() -> None:
    assert missing(POD, lambda kind, name: True) == []
