# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was measured of a site beyond the recordings: what breaks quietly, what is refused, and in which words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from testbed.kube import ApiError
from testbed.testing import own_bed
from testbed.until import until

from conformance.one_site import Site
from conformance.rows import fingerprints, network_status
from conformance.site_scenario import GATE, KUBEVIRT

NETWORKS = "k8s.v1.cni.cncf.io/networks"
STATUS = "k8s.v1.cni.cncf.io/network-status"
_SETTINGS = ("openperouter=false", "strategy_seconds=0.1", "lease_seconds=0.2", "virt_api_gap_seconds=1")

Object = dict[str, Any]


@pytest.fixture(scope="module")
def one_site() -> Iterator[Site]:
    with own_bed("recorded-facts", ("cluster-a",), *_SETTINGS) as bed:
        yield Site(bed)


@pytest.fixture
def site(one_site: Site) -> Iterator[Site]:
    """Gate on, no network, settled; what a test changed is undone."""
    one_site.configure()
    one_site.settle()
    yield one_site
    one_site.bed.calm()


def foreign_ca() -> str:
    """A CA that is no cluster's of the bed."""
    from datetime import UTC, datetime, timedelta

    from testbed.sim import kubevirt_ca

    return kubevirt_ca.new_authority(datetime.now(UTC), timedelta(days=7)).pem


def test_a_missing_network_holds_pods_until_it_comes(site: Site) -> None:
    site.configure(network="comes-late")
    until(
        lambda: any("cannot find a network-attachment-definition (comes-late)" in m for m in _sandbox(site)),
        "an event about the missing definition",
    )
    until(lambda: "ContainerCreating" in _waiting(site.handlers()), "a virt-handler in ContainerCreating")
    assert _reason(site.kubevirt(), "Progressing") == "UpdateInProgress"
    site.define("comes-late", range="10.81.0.0/24")
    addresses = site.settle()["status"]["synchronizationAddresses"]
    assert addresses[0].startswith("10.81.0.")
    for pod in site.handlers():
        entries = network_status(pod["metadata"]["annotations"][STATUS])
        assert [(each["interface"], each.get("mtu")) for each in entries] == [("eth0", None), ("migration0", 1400)]


def test_an_empty_network_name_is_taken_for_a_name(site: Site) -> None:
    site.configure(network="")
    until(lambda: any("did not match comma-delimited format" in m for m in _sandbox(site)), "a refused annotation")
    template = site.client.get("daemonsets", "virt-handler", KUBEVIRT)
    assert template is not None
    assert template["spec"]["template"]["metadata"]["annotations"][NETWORKS] == "@migration0"


def test_an_exhausted_pool_holds_pods(site: Site) -> None:
    site.define("too-small", range="10.82.0.0/30")
    site.configure(network="too-small")
    until(
        lambda: any("Could not allocate IP in range: ip: 10.82.0.1 / - 10.82.0.2" in m for m in _sandbox(site)),
        "an event about the pool",
    )
    assert len(site.allocations("10.82.0.0-30")) == 2


def test_a_pool_can_be_declared_exhausted(site: Site) -> None:
    site.define("declared", range="10.85.0.0/24")
    with site.bed.fault("pool-exhausted", range="10.85.0.0/24"):
        site.configure(network="declared")
        until(lambda: any("range: 10.85.0.0/24" in m for m in _sandbox(site)), "an event about the pool")
    site.settle()


def test_virt_handler_panics_without_an_address(site: Site) -> None:
    body = {"metadata": {"name": "no-ipam", "namespace": KUBEVIRT}, "spec": {"config": '{"type": "bridge"}'}}
    site.client.create("network-attachment-definitions", body)
    site.configure(network="no-ipam")

    def crashes() -> bool:
        statuses = [each for pod in site.handlers() for each in pod["status"].get("containerStatuses", [])]
        return any(each["state"].get("waiting", {}).get("reason") == "CrashLoopBackOff" for each in statuses)

    until(crashes, "a virt-handler in CrashLoopBackOff")


def test_addresses_leak_when_the_definition_goes_first(site: Site) -> None:
    site.define("goes-first", range="10.83.0.0/24")
    site.configure(network="goes-first")
    site.settle()
    held = site.allocations("10.83.0.0-24")
    assert len(held) == 4
    site.client.delete("network-attachment-definitions", "goes-first", KUBEVIRT)
    site.configure()
    site.settle()
    assert site.allocations("10.83.0.0-24") == held


def test_addresses_are_freed_with_their_pods(site: Site) -> None:
    site.define("stays", range="10.84.0.0/24")
    site.configure(network="stays")
    site.settle()
    assert len(site.allocations("10.84.0.0-24")) == 4
    site.configure()
    site.settle()
    until(lambda: site.allocations("10.84.0.0-24") == [], "all addresses of the pool free")


@pytest.mark.parametrize(
    "change",
    [
        {"configuration": {"developerConfiguration": {"logVerbosity": {"virtHandler": 4}}}},
        {"workloadUpdateStrategy": {"workloadUpdateMethods": ["LiveMigrate"]}},
    ],
)
def test_every_change_of_the_cr_renews_the_ca(site: Site, change: Object) -> None:
    before = site.bundle()
    site.client.patch("kubevirts", "kubevirt", {"spec": change}, KUBEVIRT)
    until(lambda: site.bundle()[1:] == before, "a new CA before the old ones")


def test_the_ca_can_be_renewed_without_a_change(site: Site) -> None:
    before = site.bundle()
    with site.bed.fault("ca-renewal"):
        until(lambda: site.bundle()[1:] == before, "a new CA before the old ones")
    generation = site.kubevirt()["metadata"]["generation"]
    assert site.kubevirt()["status"]["observedGeneration"] == generation


def test_one_bad_block_voids_the_inbox(site: Site) -> None:
    good = foreign_ca()
    site.offer(good + "-----BEGIN CERTIFICATE-----\nbm8=\n-----END CERTIFICATE-----\n")
    site.await_empty_inbox()
    assert fingerprints(good)[0] not in site.bundle()

    def merged() -> bool:
        # Written again like this because the pass that emptied the inbox may swallow what comes right after.
        if fingerprints(good)[0] not in site.bundle():
            site.offer(good)
        return fingerprints(good)[0] in site.bundle()

    until(merged, "the good one merged")


def test_a_write_can_be_swallowed(site: Site) -> None:
    lost = foreign_ca()
    with site.bed.fault("inbox-swallowed", times=1):
        site.offer(lost)
        site.await_empty_inbox()
    assert fingerprints(lost)[0] not in site.bundle()


def test_virt_api_refuses_connections_while_its_pods_go(site: Site) -> None:
    for pod in site.client.list("pods", KUBEVIRT, labels="kubevirt.io=virt-api"):
        site.client.delete("pods", pod["metadata"]["name"], KUBEVIRT)
    answers: list[str] = []

    def refused() -> bool:
        answers.append(_create_vm(site))
        return "connect: connection refused" in answers[-1]

    until(refused, "a refused webhook call")
    assert 'failed calling webhook "virtualmachines-mutator.kubevirt.io"' in answers[-1]
    until(lambda: _create_vm(site) == "", "writes pass again")
    site.client.delete("virtualmachines", "during-restart", "default")


@pytest.mark.parametrize(
    ("strategy", "text"),
    [
        ({"ca": {"duration": "1h", "renewBefore": "2h"}}, "CA RenewBefore cannot exceed Duration"),
        ({"server": {"duration": "200h"}}, "Certificate duration cannot exceed CA"),
        ({"ca": {"duration": "48h"}, "caRotateInterval": "48h"}, "are deprecated and conflict with CertConfig"),
    ],
)
def test_the_webhook_refuses(site: Site, strategy: Object, text: str) -> None:
    patch = {"spec": {"certificateRotateStrategy": {"selfSigned": strategy}}}
    with pytest.raises(ApiError) as error:
        site.client.patch("kubevirts", "kubevirt", patch, KUBEVIRT)
    assert text in error.value.message
    assert 'admission webhook "kubevirt-update-validator.kubevirt.io" denied the request' in error.value.message


def test_the_webhook_knows_nothing_of_gates_and_networks(site: Site) -> None:
    gates = {"developerConfiguration": {"featureGates": [GATE, "NoSuchGate"]}}
    site.client.patch("kubevirts", "kubevirt", {"spec": {"configuration": gates}}, KUBEVIRT)
    site.configure(network="with/slash")
    assert site.kubevirt()["spec"]["configuration"]["migrations"]["network"] == "with/slash"


def _sandbox(site: Site) -> list[str]:
    return site.events("FailedCreatePodSandBox")


def _waiting(pods: list[Object]) -> list[str]:
    """Why containers of pending pods wait."""
    pending = [pod["status"] for pod in pods if pod["status"]["phase"] == "Pending"]
    containers = [each for status in pending for each in status.get("initContainerStatuses", [])]
    return [each["state"]["waiting"]["reason"] for each in containers]


def _reason(kubevirt: Object, type_: str) -> str:
    found = kubevirt["status"]["conditions"]
    return next(str(each["reason"]) for each in found if each["type"] == type_)


def _create_vm(site: Site) -> str:
    """What the API server says to a new VM, empty when it takes it."""
    domain = {"devices": {}, "resources": {"requests": {"memory": "64Mi"}}}
    spec = {"runStrategy": "Halted", "template": {"spec": {"domain": domain}}}
    try:
        site.client.create(
            "virtualmachines", {"metadata": {"name": "during-restart", "namespace": "default"}, "spec": spec}
        )
    except ApiError as error:
        return error.message
    site.client.delete("virtualmachines", "during-restart", "default")
    return ""
