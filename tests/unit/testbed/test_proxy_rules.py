# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which requests count as writes, and when a rule applies."""

from __future__ import annotations

import pytest
from testbed.proxy_rules import Action, Request, Rule, anything, requests, watches, writes


def request(method: str = "GET", path: str = "/api/v1/pods", **query: str) -> Request:
    return Request(1, method, path, query, "test")


@pytest.mark.parametrize(
    ("seen", "is_write"),
    [
        (request(), False),
        (request("POST"), True),
        (request("PUT"), True),
        (request("PATCH"), True),
        (request("DELETE"), True),
        (request("POST", dryRun="All"), False),
        (request("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"), False),
        (request("POST", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"), False),
    ],
)
def test_writes(seen: Request, is_write: bool) -> None:
    assert writes(seen) is is_write


def test_watches() -> None:
    assert watches(request(watch="true"))
    assert watches(request(watch="1"))
    assert not watches(request(watch="0"))
    assert not watches(request())


def test_requests_match_with_wildcards() -> None:
    match = requests("P*", "*/kubevirts/*")
    assert match(request("PATCH", "/apis/kubevirt.io/v1/namespaces/kubevirt/kubevirts/kubevirt"))
    assert not match(request("GET", "/apis/kubevirt.io/v1/namespaces/kubevirt/kubevirts/kubevirt"))
    assert not match(request("PATCH", "/api/v1/pods"))


def test_from_the_nth_on_for_so_many_times() -> None:
    rule = Rule(Action(), writes, nth=2, times=2)
    assert not rule.applies(request())
    assert [rule.applies(request("POST")) for _ in range(5)] == [False, True, True, False, False]


def test_without_a_number_always() -> None:
    rule = Rule(Action(), anything)
    assert all(rule.applies(request()) for _ in range(3))
