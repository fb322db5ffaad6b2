# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From any network to any other: the end is the same as from nothing, and a repeat writes nothing."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils._cluster import Object
from ansible_collections.livemigration.kubevirt.plugins.module_utils._errors import BadInput
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from unit.l2vni_call import ready, run
from unit.openperouter import Site

labels = st.dictionaries(st.sampled_from(["zone", "rack", "os"]), st.sampled_from(["1", "2"]), max_size=2)
expressions = st.lists(
    st.fixed_dictionaries(
        {
            "key": st.sampled_from(["zone", "rack"]),
            "operator": st.sampled_from(["Exists", "DoesNotExist"]),
            "values": st.none(),
        }
    ),
    max_size=2,
)
selectors = st.none() | st.fixed_dictionaries({"match_labels": labels, "match_expressions": expressions})
bridges = st.sampled_from(
    [{}, {"bridge_managed": False, "bridge_name": "br-one"}, {"bridge_managed": False, "bridge_name": "br-two"}]
)


@st.composite
def networks(draw: st.DrawFn) -> Object:
    """Options that some shape accepts."""
    options: Object = {
        "vni": draw(st.integers(1, 16777215)),
        "vxlan_port": draw(st.sampled_from([4789, 8472])),
        "vrf": draw(st.sampled_from([None, "rouge", "bleu"])),
        "gateways": draw(st.sampled_from([None, [], ["10.9.0.1/24"], ["fd00::1/64", "10.9.0.1/24"]])),
        "bridge_type": draw(st.sampled_from(["linux", "ovs"])),
        "node_selector": draw(selectors),
        "underlay_address_family": draw(st.sampled_from([None, "ipv4", "ipv6"])),
    }
    return options | draw(bridges)


def fresh(folder: str) -> Site:
    site = ready(folder)
    for number, vrf in enumerate(("rouge", "bleu")):
        # Beyond the numbers that an L2VNI can have.
        site.add("l3vnis", "L3VNI", f"for-{vrf}", {"vrf": vrf, "vni": 16777216 + number})
    return site


def accepted(site: Site, options: dict[str, Any]) -> Object:
    """Make it so; networks that the shape refuses are left to other tests."""
    try:
        return run(site, recreate=True, **options)
    except BadInput:
        assume(False)
        raise


@pytest.mark.parametrize("folder", ["a", "b1", "b", "c"])
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_the_end_does_not_depend_on_the_beginning(folder: str, data: st.DataObject) -> None:
    first, second = data.draw(networks()), data.draw(networks())
    if folder == "a":
        # The first shape has few words; half of what could be said is refused there.
        for options in (first, second):
            options |= {"bridge_type": "linux", "node_selector": None, "underlay_address_family": None}
            options["gateways"] = (options["gateways"] or [])[:1]
    if folder == "b1":
        first["underlay_address_family"] = second["underlay_address_family"] = None
    direct, roundabout = fresh(folder), fresh(folder)
    wanted = accepted(direct, second)
    accepted(roundabout, first)
    accepted(roundabout, second)
    assert roundabout.l2vni["spec"] == direct.l2vni["spec"] == wanted["l2vni"]["object"]["spec"]
    writes = list(roundabout.writes)
    again = accepted(roundabout, second)
    assert (again["changed"], again["diff"], roundabout.writes) == (False, [], writes)
