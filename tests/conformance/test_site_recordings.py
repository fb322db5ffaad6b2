# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""virt-operator, its workloads and its trust on the test bed against recordings of the real ones (v1.9.0)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from testbed.testing import own_bed

from conformance import compare, site_scenario, site_story
from conformance.compare import Row
from conformance.site_scenario import Sites

# What took long in the recordings is held up by the scenario itself (site_scenario.py), not by the clock.
_SETTINGS = ("openperouter=false", "strategy_seconds=0.1", "lease_seconds=0.2")

# Key paths that the recordings' stand-ins for kubelet and for the workload controllers, or its omission of
# managed fields and secret data, make different; none of them is virt-operator's.
_NOT_THE_OPERATORS = {
    "kubevirt": (".metadata.managedFields*", ".metadata.annotations.kubectl*", ".status.generations[].hash"),
    "ds": (".metadata.managedFields*",),
    "deploy": (
        ".metadata.managedFields*",
        ".metadata.annotations.deployment.kubernetes.io/revision",
        ".status.terminatingReplicas",
    ),
    "cm": (".metadata.managedFields*",),
    "secret": (".metadata.managedFields*",),
    "lease": (".metadata.managedFields*",),
}
_READERS = {
    "kubevirt.kubevirt": ("kubevirts", "kubevirt"),
    "ds.virt-handler": ("daemonsets", "virt-handler"),
    "deploy.virt-synchronization-controller": ("deployments", "virt-synchronization-controller"),
    "cm.kubevirt-ca": ("configmaps", "kubevirt-ca"),
    "cm.kubevirt-external-ca": ("configmaps", "kubevirt-external-ca"),
    "secret.kubevirt-ca": ("secrets", "kubevirt-ca"),
    "lease.virt-synchronization-controller": ("leases", "virt-synchronization-controller"),
}


class Played:
    """Both scenarios played once: rows of each, and whole objects at the two moments."""

    def __init__(self) -> None:
        self.rows: dict[str, list[Row]] = {}
        self.objects: dict[tuple[str, str], Any] = {}

    def keep(self, moment: str, sites: Sites) -> None:
        for name, (key, object_name) in _READERS.items():
            self.objects[moment, name] = sites.get("a", key, object_name)
        for component in site_story.WORKLOADS:
            self.objects[moment, f"pod.{component}"] = sites.pod("a", component)


@pytest.fixture(scope="module")
def played() -> Iterator[Played]:
    result = Played()
    with own_bed("recorded-site", ("cluster-a", "cluster-b"), *_SETTINGS) as bed:
        sites = Sites(bed)
        sites.turn_gate_on("a")
        sites.next_second("a")
        sites.turn_gate_on("b")
        result.keep("gate-on", sites)
        with sites.recorder() as tape:
            site_scenario.prepare(sites, tape)
            result.keep("network-set", sites)
            site_scenario.tune(sites, tape)
            tape.catch_up()
        result.rows["site-preparation"] = tape.rows
        with sites.recorder() as tape:
            site_scenario.take_down(sites)
            tape.catch_up()
        result.rows["site-network-unset-and-gate-off"] = tape.rows
        yield result


@pytest.mark.parametrize("recording", ["site-preparation", "site-network-unset-and-gate-off"])
def test_every_object_has_the_recorded_story(played: Played, recording: str) -> None:
    recorded = site_story.tell(compare.load(f"{recording}.jsonl.gz"))
    seen = site_story.tell(played.rows[recording])
    found = compare.differences(recorded, seen)
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize("moment", ["gate-on", "network-set"])
@pytest.mark.parametrize("name", _READERS)
def test_objects_have_the_recorded_shape(played: Played, moment: str, name: str) -> None:
    recorded = _recorded_object(moment, name)
    ignore = _NOT_THE_OPERATORS[name.partition(".")[0]]
    found = compare.shape_differences(recorded, played.objects[moment, name], ignore=ignore)
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize("moment", ["gate-on", "network-set"])
@pytest.mark.parametrize("component", site_story.WORKLOADS)
def test_pods_carry_what_the_operator_gave_them(played: Played, moment: str, component: str) -> None:
    """The recordings' pods are stand-ins, so only what came from the template is held against them."""
    recorded = _recorded_object(moment, f"pod.{component}")["metadata"]
    seen = played.objects[moment, f"pod.{component}"]["metadata"]
    theirs = {"lab/generation", "controller-revision-hash", "pod-template-generation", "pod-template-hash"}
    # multus reports the pod network always; the recordings' stand-in did only beside another.
    status = {"k8s.v1.cni.cncf.io/network-status"}
    assert recorded["labels"].keys() - theirs == seen["labels"].keys() - theirs
    assert recorded["annotations"].keys() - status == seen["annotations"].keys() - status


def _recorded_object(moment: str, name: str) -> Any:
    rows = compare.load("site-objects.jsonl.gz")
    return next(each["body"] for each in rows if (each["moment"], each["object"]) == (moment, name))
