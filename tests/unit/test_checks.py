# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings and errors: how they read, and which of them stop a run."""

from __future__ import annotations

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils._checks import Finding, errors, refuse, warnings
from ansible_collections.livemigration.kubevirt.plugins.module_utils._errors import (
    BadInput,
    DeadlineExceeded,
    MigrationError,
    located,
)

ERROR = Finding("slot-taken", "error", "cluster-a", "slot 1", "a slot of its own", "the slot of b", "Take another.")
OTHER = Finding("mtu-large", "error", "cluster-a", "mtu", "1450", "1500", "Lower it.")
ADVICE = Finding("range-public", "warning", "cluster-a", "range", "a private range", "a public one", "Think again.")


def test_only_errors_stop_a_run() -> None:
    refuse([])
    refuse([ADVICE])
    assert errors([ADVICE, ERROR]) == [ERROR]
    assert warnings([ADVICE, ERROR]) == [str(ADVICE)]


def test_the_first_error_leads_and_the_others_are_named() -> None:
    with pytest.raises(BadInput) as caught:
        refuse([ADVICE, ERROR, OTHER])
    assert caught.value.reason == "slot_taken"
    assert caught.value.found == "the slot of b"
    assert caught.value.hint == f"Take another. Also: {OTHER}"


def test_a_finding_reads_as_a_sentence_and_as_data() -> None:
    assert str(ERROR) == "[slot-taken] cluster-a slot 1: wanted a slot of its own; found the slot of b. Take another."
    assert ERROR.as_dict()["severity"] == "error"


def test_errors_say_where_what_and_what_to_do() -> None:
    assert str(BadInput("a", "b", "c", "d", "Do e.")) == "c d: wanted a; found b. Do e."
    assert str(MigrationError(found="something")) == "something."
    assert DeadlineExceeded().reason == "deadline_exceeded"
    assert BadInput(reason="mine").reason == "mine"


def test_an_error_gets_its_place_later_but_keeps_one_it_has() -> None:
    with pytest.raises(BadInput) as caught, located("cluster-a", "ignored"):
        raise BadInput("a", "b", object="d")
    assert (caught.value.cluster, caught.value.object) == ("cluster-a", "d")
