# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an HTTP answer means, in our words."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils._errors import (
    Conflict,
    Expired,
    Forbidden,
    MigrationError,
    Missing,
    Rejected,
    ServerTrouble,
    Unauthorized,
)
from ansible_collections.livemigration.kubevirt.plugins.module_utils._status import error_of

DENIED = 'admission webhook "virt-api.kubevirt.io" denied the request: in-flight migration detected.'


def of(status: int, message: str = "", target: str = "VirtualMachine default/vm-1", **body: Any) -> MigrationError:
    return error_of(status, {"message": message, **body}, verb="PATCH", target=target, cluster="cluster-a")


@pytest.mark.parametrize(
    ("status", "message", "kind", "reason"),
    [
        (401, "Unauthorized", Unauthorized, "unauthorized"),
        (403, 'vms is forbidden: User "u" cannot patch resource', Forbidden, "forbidden"),
        (403, DENIED, Rejected, "webhook_denied"),
        (400, DENIED, Rejected, "webhook_denied"),
        (422, "spec.vni: Invalid value", Rejected, "invalid"),
        (409, "the object has been modified", Conflict, "conflict"),
        (410, "too old resource version", Expired, "expired"),
        (429, "slow down", ServerTrouble, "too_many_requests"),
        (500, "failed calling webhook: connection refused", ServerTrouble, "webhook_down"),
        (503, "etcdserver: leader changed", ServerTrouble, "server_trouble"),
    ],
)
def test_each_status_has_its_error(status: int, message: str, kind: type[MigrationError], reason: str) -> None:
    error = of(status, message)
    assert type(error) is kind
    assert error.reason == reason
    assert error.cluster == "cluster-a"
    assert error.wanted == "to change VirtualMachine default/vm-1"


def test_what_a_webhook_says_is_shown_without_its_wrapping() -> None:
    assert of(400, DENIED).found == "in-flight migration detected."


def test_the_field_that_is_refused_is_known_where_it_is_told() -> None:
    told = of(422, DENIED, details={"causes": [{"message": "no", "field": "value"}, {"message": "neither"}]})
    assert isinstance(told, Rejected)
    assert told.fields == ("value",)
    untold = of(400, DENIED, details={})
    assert isinstance(untold, Rejected)
    assert untold.fields == ()


def test_an_object_that_exists_is_a_conflict_of_its_own() -> None:
    assert of(409, "exists", reason="AlreadyExists").reason == "already_exists"


def test_a_missing_object_and_a_missing_kind_are_told_apart() -> None:
    gone = of(404, 'vms "vm-1" not found', reason="NotFound", details={"name": "vm-1"})
    assert (type(gone), gone.reason) == (Missing, "not_found")
    unknown = of(404, "the server could not find the requested resource", "l2vnis.openpe.openperouter.github.io")
    assert unknown.reason == "no_such_api"
    assert unknown.hint == "OpenPERouter is not installed on this cluster: install it first."
    other = of(404, "404 page not found", "things.example.com")
    assert other.hint.startswith("The API server does not know this kind")


def test_a_status_without_text_still_says_something() -> None:
    assert error_of(418, {}, verb="GET", target="pods", cluster="c").found == "HTTP status 418"
