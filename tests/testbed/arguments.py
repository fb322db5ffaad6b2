# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the command line accepts."""

from __future__ import annotations

import argparse
from typing import Any


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="testbed", description="Clusters to try the collection on.")
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")
    _life(verbs)
    _use(verbs)
    _trouble(verbs)
    _sight(verbs)
    return top


def _life(verbs: Any) -> None:
    verbs.add_parser("build", help="build the control plane program into the cache (up does it too)")
    up = _verb(verbs, "up", "start a bed and wait until it is ready; prints the kubeconfigs")
    _clusters(up)
    up.add_argument("--vm", action="store_true", help="also VM default/vm-1 on the first cluster, running")
    up.add_argument("--all-vms", action="store_true", help="the same on every cluster")
    _verb(verbs, "down", "stop it; nothing is left but its logs")
    add = _verb(verbs, "add", "one more cluster in a running bed; prints its kubeconfig")
    add.add_argument("cluster")
    inner = _verb(verbs, "daemon", "the process behind a bed, in the foreground")
    _clusters(inner)
    inner.add_argument("--report", type=int, help="file descriptor that hears of the start")
    inner.add_argument("--lifeline", type=int, help="file descriptor of a pipe; the bed ends when it is closed")


def _use(verbs: Any) -> None:
    ready = _verb(verbs, "ready", "wait until all clusters are as after `up`")
    _timeout(ready)
    vm = _verb(verbs, "vm", "create a VM like that of the demo and wait until it runs")
    vm.add_argument("cluster")
    vm.add_argument("vm_name", nargs="?", default="vm-1", metavar="vm")
    vm.add_argument("--namespace", default="default")
    _timeout(vm)
    user = _verb(verbs, "user", "a kubeconfig for a user without rights (RBAC gives some); prints its path")
    user.add_argument("cluster")
    user.add_argument("user")
    user.add_argument("--groups", default="", help="comma separated")


def _trouble(verbs: Any) -> None:
    fault = verbs.add_parser("fault", help="switch faults on and off")
    actions = fault.add_subparsers(dest="action", required=True, metavar="ACTION")
    on = _verb(actions, "set", "switch on; arguments narrow it down")
    on.add_argument("fault")
    on.add_argument("arguments", nargs="*", metavar="NAME=VALUE")
    on.add_argument("--cluster", help="only there (default: on all)")
    on.add_argument("--times", type=int, help="switch it off after so many times (faults that strike events)")
    off = _verb(actions, "clear", "switch off, by name or all")
    off.add_argument("fault", nargs="?")
    off.add_argument("--cluster")
    listed = _verb(actions, "list", "what is on, and what there is")
    listed.add_argument("--json", action="store_true")
    verbs.add_parser("faults", help="all faults there are, as a table")
    partition = _verb(verbs, "partition", "drop what the sites of two clusters send each other")
    partition.add_argument("source")
    partition.add_argument("target")
    partition.add_argument("--one-way", action="store_true", help="only from the first to the second")
    _verb(verbs, "heal", "undo all partitions")


def _sight(verbs: Any) -> None:
    status = _verb(verbs, "status", "what runs (exit code 3 when nothing does)")
    status.add_argument("--json", action="store_true")
    logs = _verb(verbs, "logs", "the daemon's log, or that of a component")
    logs.add_argument("cluster", nargs="?")
    components = ("kube-apiserver", "etcd", "kube-controller-manager", "kube-scheduler")
    logs.add_argument("component", nargs="?", default=components[0], choices=components)
    logs.add_argument("--path", action="store_true", help="only say where it is")
    audit = _verb(verbs, "audit", "writes on a cluster, one JSON line each")
    audit.add_argument("cluster")
    audit.add_argument("--user", default="admin", help="whose (default admin); * for everybody's")
    audit.add_argument("--mark", action="store_true", help="print a mark to give to --since later")
    audit.add_argument("--since", type=int, default=0, metavar="MARK")
    audit.add_argument("--dry-run", action="store_true", help="dry runs too, which change nothing")
    snapshot = _verb(verbs, "snapshot", "whole objects as JSON, by kind")
    snapshot.add_argument("cluster")
    snapshot.add_argument("kinds", nargs="*", help="plural names (default: all that the simulators look at)")


def _verb(verbs: Any, name: str, text: str) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = verbs.add_parser(name, help=text, description=text)
    made.add_argument("--name", default="demo", help="the bed's name (default demo); beds do not touch each other")
    return made


def _clusters(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--clusters", default="cluster-a,cluster-b", help="names, comma separated")
    verb.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="a setting; CLUSTER.NAME=VALUE for one cluster"
    )


def _timeout(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--timeout", type=float, default=90.0, help="seconds")
