# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credentials that may not take in the CAs of others are refused before the first write, on either side."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils._errors import Forbidden
from unit.kubevirt_site import NAMESPACE, Site
from unit.trust_call import look, run


class Limited:
    """Takes the place of what a cluster answers about rights: all but some verbs on ConfigMaps."""

    def __init__(self, *denied: str) -> None:
        self.denied = denied
        self.asked: list[tuple[str, str, str | None]] = []

    def __call__(self, verb: str, resource: Any, namespace: str | None = None) -> bool:
        self.asked.append((verb, resource.plural, namespace))
        return not (resource.plural == "configmaps" and verb in self.denied)


def limit(site: Site, monkeypatch: pytest.MonkeyPatch, *denied: str) -> Limited:
    rights = Limited(*denied)
    monkeypatch.setattr(site.cluster, "allowed", rights)
    return rights


@pytest.fixture
def pair() -> tuple[Site, Site]:
    return Site("cluster-a"), Site("cluster-b")


@pytest.mark.parametrize("verb", ["create", "patch"])
@pytest.mark.parametrize("check_mode", [False, True], ids=["for real", "check mode"])
def test_the_rights_are_asked_for_when_nothing_is_to_be_written_yet(
    pair: tuple[Site, Site], monkeypatch: pytest.MonkeyPatch, verb: str, check_mode: bool
) -> None:
    site = pair[0]
    limit(site, monkeypatch, verb)
    assert not look(site, check_mode=check_mode)["changed"], "who only looks needs no rights"
    with pytest.raises(Forbidden, match=rf"to {verb} configmaps in namespace {NAMESPACE}.*cluster-a|cluster-a.*{verb}"):
        look(site, require_rights=True, check_mode=check_mode)
    assert site.cluster.writes == []


def test_who_has_the_rights_is_not_stopped(pair: tuple[Site, Site], monkeypatch: pytest.MonkeyPatch) -> None:
    rights = limit(pair[0], monkeypatch)
    assert not look(pair[0], require_rights=True)["changed"]
    assert rights.asked == [("create", "configmaps", NAMESPACE), ("patch", "configmaps", NAMESPACE)]


def test_neither_side_is_written_when_one_may_not_be(pair: tuple[Site, Site], monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = pair
    limit(target, monkeypatch, "create")
    with pytest.raises(Forbidden, match="cluster-b"):
        run(source, target)
    assert (source.cluster.writes, target.cluster.writes) == ([], [])
