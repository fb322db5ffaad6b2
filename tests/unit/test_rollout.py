# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a DaemonSet or Deployment has rolled out."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils import _rollout as rollout

DAEMON = {"desiredNumberScheduled": 3, "updatedNumberScheduled": 3, "numberReady": 3, "numberAvailable": 3}
DEPLOY = {"replicas": 2, "updatedReplicas": 2, "readyReplicas": 2, "availableReplicas": 2}


def workload(status: dict[str, Any], replicas: int | None = 2) -> dict[str, Any]:
    return {
        "metadata": {"name": "w", "generation": 5},
        "spec": {"replicas": replicas},
        "status": {"observedGeneration": 5} | status,
    }


def test_done() -> None:
    assert rollout.daemon_set(workload(DAEMON)).done
    assert rollout.deployment(workload(DEPLOY)).done
    assert rollout.deployment(workload(DEPLOY | {"replicas": 1}, None)).done


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ({"observedGeneration": 4}, "generation 5 not yet seen"),
        ({"updatedNumberScheduled": 1}, "1 of 3 pods updated"),
        ({"numberReady": 2}, "2 of 3 pods ready"),
        ({"numberAvailable": None}, "0 of 3 pods available"),
    ],
)
def test_daemon_set_not_yet(status: dict[str, Any], reason: str) -> None:
    verdict = rollout.daemon_set(workload(DAEMON | status))
    assert not verdict.done
    assert reason in verdict.reason


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ({"observedGeneration": None}, "generation 5 not yet seen"),
        ({"updatedReplicas": 1}, "1 of 2 pods updated"),
        ({"readyReplicas": 1}, "1 of 2 pods ready"),
        ({"availableReplicas": 0}, "0 of 2 pods available"),
        ({"replicas": 3}, "1 pods too many"),
    ],
)
def test_deployment_not_yet(status: dict[str, Any], reason: str) -> None:
    verdict = rollout.deployment(workload(DEPLOY | status))
    assert not verdict.done
    assert reason in verdict.reason


def test_counts_of_an_object_without_status_are_zero() -> None:
    assert not rollout.deployment({"metadata": {"generation": 1}}).done
