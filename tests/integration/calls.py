# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls of modules against clusters, options validated as Ansible does, without a process each."""

from __future__ import annotations

import dataclasses
import importlib
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.livemigration.kubevirt.plugins.module_utils._runner import (
    Module,
    ansible_options,
    outcome,
)
from testbed.testing import TestBed, TestCluster

_MODULES = "ansible_collections.livemigration.kubevirt.plugins.modules"


@dataclasses.dataclass
class Called:
    """What a call returned, and the progress it told."""

    result: dict[str, Any]
    told: list[str]

    @property
    def changed(self) -> bool:
        return bool(self.result["changed"])

    @property
    def failure(self) -> dict[str, str]:
        """Why it failed. Fails the test when it did not."""
        assert "failure" in self.result, f"wanted a failure; found {self.result}"
        found: dict[str, str] = self.result["failure"]
        return found

    def __getitem__(self, key: str) -> Any:
        assert "failure" not in self.result, self.result["msg"]
        return self.result[key]


def call(module: str, options: dict[str, Any], *, check_mode: bool = False) -> Called:
    """Run a module's work."""
    found: Module = importlib.import_module(f"{_MODULES}.{module}").MODULE
    validation = ArgumentSpecValidator(ansible_options(found.spec.options), **found.spec.rules()).validate(options)
    assert not validation.error_messages, validation.error_messages
    told: list[str] = []
    result, _error = outcome(found, validation.validated_parameters, check_mode=check_mode, tell=told.append)
    return Called(result, told)


def on(cluster: TestCluster, module: str, *, check_mode: bool = False, **options: Any) -> Called:
    """Run a module of one cluster."""
    return call(module, connection(cluster) | options, check_mode=check_mode)


def between(bed: TestBed, module: str, *, check_mode: bool = False, **options: Any) -> Called:
    """Run a module of two clusters on the first two of the bed."""
    source, target = list(bed.clusters.values())[:2]
    both = {"source": connection(source), "target": connection(target)}
    return call(module, both | options, check_mode=check_mode)


def connection(cluster: TestCluster, *, proxied: bool = False) -> dict[str, Any]:
    """The connection options of a cluster."""
    kubeconfig = cluster.proxied if proxied else cluster.kubeconfig
    return {"cluster_name": cluster.name, "kubeconfig": str(kubeconfig)}
