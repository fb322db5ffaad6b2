# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which nodes something is for: the option, the LabelSelector of the API, and whom it takes. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ._argspec import Options
from ._cluster import Object

OPTIONS: Options = {
    "match_labels": {"type": "dict"},
    "match_expressions": {
        "type": "list",
        "elements": "dict",
        "options": {
            "key": {"type": "str", "required": True, "no_log": False},
            "operator": {
                "type": "str",
                "required": True,
                "choices": ["In", "NotIn", "Exists", "DoesNotExist"],
            },
            "values": {"type": "list", "elements": "str"},
        },
    },
}


def selector_of(option: Mapping[str, Any] | None) -> Object | None:
    """The LabelSelector as the API spells it; ``None`` for all nodes."""
    if not option:
        return None
    selector: Object = {}
    if option.get("match_labels"):
        selector["matchLabels"] = {key: str(value) for key, value in option["match_labels"].items()}
    if option.get("match_expressions"):
        selector["matchExpressions"] = [
            {key: value for key, value in entry.items() if value is not None} for entry in option["match_expressions"]
        ]
    return selector or None


def selects(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """Whether a LabelSelector matches; none matches everything."""
    wanted = (selector or {}).get("matchLabels") or {}
    if any(labels.get(key) != value for key, value in wanted.items()):
        return False
    return all(meets(entry, labels) for entry in (selector or {}).get("matchExpressions") or [])


def meets(entry: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether labels meet one requirement; ``Gt`` and ``Lt`` are those of node affinity only."""
    key, values = entry["key"], entry.get("values") or []
    match entry["operator"]:
        case "Gt" | "Lt" as operator:
            return _compared(labels.get(key, ""), str(values[0]) if values else "", operator)
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case _:
            return key not in labels


def _compared(found: str, limit: str, operator: str) -> bool:
    try:
        return int(found) > int(limit) if operator == "Gt" else int(found) < int(limit)
    except ValueError:
        return False


def chosen(selector: Mapping[str, Any] | None, nodes: Iterable[Object]) -> list[str]:
    """The names of the nodes that a LabelSelector takes, in order."""
    taken = [node["metadata"] for node in nodes if selects(selector, node["metadata"].get("labels") or {})]
    return sorted(str(metadata["name"]) for metadata in taken)
