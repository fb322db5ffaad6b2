# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings are changed by name, in the type of the field."""

from __future__ import annotations

from typing import Any

import pytest
from testbed.bed import Bed
from testbed.settings import Settings


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [("nodes", "3", 3), ("copy_seconds", "0.5", 0.5), ("kubevirt", "false", False), ("l2vni_shape", "B", "B")],
)
def test_text_becomes_the_fields_type(name: str, text: str, value: Any) -> None:
    settings = Settings()
    settings.change(name, text)
    assert settings.as_dict()[name] == value


def test_mistakes_are_told() -> None:
    with pytest.raises(ValueError, match="no setting 'nodse'; there are: nodes"):
        Settings().change("nodse", "3")
    with pytest.raises(ValueError, match="wanted true or false, found 'maybe'"):
        Settings().change("kubevirt", "maybe")


def test_a_clusters_own_setting_wins() -> None:
    bed = Bed("unit", ["a.nodes=5", "nodes=3"])
    assert [bed._settings(name, ["a", "b"]).nodes for name in ("a", "b")] == [5, 3]


def test_a_setting_for_a_cluster_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match=r"names no cluster of this bed \(a, b\)"):
        Bed("unit", ["c.nodes=5"])._settings("a", ["a", "b"])
