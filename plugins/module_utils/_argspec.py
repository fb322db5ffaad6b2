# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options as values that compose; the same value feeds the module, the action plugin and the tests.

An option may carry ``env``, the names of environment variables that stand in for it: the runner turns that into
Ansible's fallback, since a core knows no Ansible.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

Options = dict[str, dict[str, Any]]


@dataclasses.dataclass(frozen=True, slots=True)
class ArgumentSpec:
    """The options of a module together with the rules between them."""

    options: Options
    mutually_exclusive: tuple[tuple[str, ...], ...] = ()
    required_together: tuple[tuple[str, ...], ...] = ()
    required_one_of: tuple[tuple[str, ...], ...] = ()
    required_if: tuple[tuple[Any, ...], ...] = ()
    required_by: dict[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)

    def merge(self, *others: ArgumentSpec) -> ArgumentSpec:
        """All specs together; an option may stand in only one of them."""
        return functools.reduce(ArgumentSpec._with, others, self)

    def _with(self, other: ArgumentSpec) -> ArgumentSpec:
        twice = self.options.keys() & other.options.keys()
        if twice:
            raise ValueError(f"options defined twice: {sorted(twice)}")
        return ArgumentSpec(
            self.options | other.options,
            self.mutually_exclusive + other.mutually_exclusive,
            self.required_together + other.required_together,
            self.required_one_of + other.required_one_of,
            self.required_if + other.required_if,
            self.required_by | other.required_by,
        )

    def rules(self) -> dict[str, Any]:
        """The rules as keyword arguments of ``AnsibleModule`` and ``ArgumentSpecValidator``."""
        fields = ("mutually_exclusive", "required_together", "required_one_of", "required_if", "required_by")
        return {field: getattr(self, field) for field in fields}


_CONNECTION: Options = {
    "cluster_name": {"type": "str"},
    # A path is no secret and has to be named in errors; of a content, secrets_of() names what is one.
    "kubeconfig": {"type": "raw", "no_log": False, "env": ["K8S_AUTH_KUBECONFIG"]},
    "context": {"type": "str", "env": ["K8S_AUTH_CONTEXT"]},
    "host": {"type": "str", "env": ["K8S_AUTH_HOST"]},
    "api_key": {"type": "str", "no_log": True, "env": ["K8S_AUTH_API_KEY"]},
    "username": {"type": "str", "env": ["K8S_AUTH_USERNAME"]},
    "password": {"type": "str", "no_log": True, "env": ["K8S_AUTH_PASSWORD"]},
    "validate_certs": {"type": "bool", "aliases": ["verify_ssl"], "env": ["K8S_AUTH_VERIFY_SSL"]},
    "ca_cert": {"type": "path", "aliases": ["ssl_ca_cert"], "env": ["K8S_AUTH_SSL_CA_CERT"]},
    "client_cert": {"type": "path", "aliases": ["cert_file"], "env": ["K8S_AUTH_CERT_FILE"]},
    "client_key": {"type": "path", "aliases": ["key_file"], "env": ["K8S_AUTH_KEY_FILE"]},
    "proxy": {"type": "str", "env": ["K8S_AUTH_PROXY"]},
    "no_proxy": {"type": "str", "env": ["K8S_AUTH_NO_PROXY"]},
    "proxy_headers": {
        "type": "dict",
        "options": {
            "proxy_basic_auth": {
                "type": "str",
                "no_log": True,
                "env": ["K8S_AUTH_PROXY_HEADERS_PROXY_BASIC_AUTH"],
            },
            "basic_auth": {"type": "str", "no_log": True, "env": ["K8S_AUTH_PROXY_HEADERS_BASIC_AUTH"]},
            "user_agent": {"type": "str", "env": ["K8S_AUTH_PROXY_HEADERS_USER_AGENT"]},
        },
    },
    "persist_config": {"type": "bool", "env": ["K8S_AUTH_PERSIST_CONFIG"]},
    "impersonate_user": {"type": "str", "env": ["K8S_AUTH_IMPERSONATE_USER"]},
    "impersonate_groups": {"type": "list", "elements": "str", "env": ["K8S_AUTH_IMPERSONATE_GROUPS"]},
}


def cluster_options() -> ArgumentSpec:
    """The connection of a module that works on one cluster: kubernetes.core's options and variables."""
    return ArgumentSpec(copy.deepcopy(_CONNECTION))


def source_and_target() -> ArgumentSpec:
    """The connections of a module that works on two clusters.

    Both are explicit: neither side may silently fall back to the ambient kubeconfig or environment.
    """
    return ArgumentSpec(
        {
            side: {"type": "dict", "required": True, "options": _without_env(_CONNECTION)}
            for side in ("source", "target")
        }
    )


def several_clusters() -> ArgumentSpec:
    """The connections of a module that works on a whole fleet: a list, so that each is checked and its secrets hidden.

    All are explicit, as with two.
    """
    named = _without_env(_CONNECTION) | {"cluster_name": {"type": "str", "required": True}}
    return ArgumentSpec({"clusters": {"type": "list", "elements": "dict", "required": True, "options": named}})


def _without_env(options: Options) -> Options:
    explicit: Options = {}
    for name, option in options.items():
        explicit[name] = {key: value for key, value in option.items() if key != "env"}
        if "options" in option:
            explicit[name]["options"] = _without_env(option["options"])
    return explicit


_SECRETS = (
    "api_key",
    "basic_auth",
    "proxy_basic_auth",
    "token",
    "password",
    "client-key-data",
    "id-token",
    "refresh-token",
    "access-token",
    "client-secret",
)


def secrets_of(params: Any) -> set[str]:
    """The secrets in kubeconfigs that were given as content, wherever they stand in the options."""
    if isinstance(params, list | tuple):
        return set().union(*(secrets_of(inner) for inner in params))
    if not isinstance(params, Mapping):
        return set()
    found = {str(value) for key, value in params.items() if key in _SECRETS and isinstance(value, str) and value}
    for entry in (params.get("exec") or {}).get("env") or [] if isinstance(params.get("exec"), Mapping) else []:
        found.add(str(entry.get("value") or ""))
    return (found | set().union(*(secrets_of(inner) for inner in params.values()))) - {""}
