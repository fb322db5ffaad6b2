# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long 100 module calls take, through our modules and through kubernetes.core, on one API server, in one run.

20 inventory hosts make 5 NetworkAttachmentDefinitions each. The peer gets exactly the objects that ours has made, in
another namespace, so both write the same; both then repeat, and change nothing. ``make bench`` fails above the bar.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from kubernetes import client, config

ROOT = Path(__file__).resolve().parent.parent.parent
HOSTS, CALLS, BAR = 20, 5, 0.2
NAD = {"group": "k8s.cni.cncf.io", "version": "v1", "plural": "network-attachment-definitions"}
OURS, THEIRS = "bench-ours", "bench-theirs"

Play = list[dict[str, Any]]


@contextmanager
def cluster() -> Iterator[Path]:
    """A cluster of the test bed of our own; nothing else runs on it."""
    testbed = [sys.executable, "-m", "testbed"]
    up = subprocess.run(
        [*testbed, "up", "--name", "bench", "--clusters", "cluster-a"], check=True, stdout=subprocess.PIPE, text=True
    )
    try:
        yield Path(up.stdout.split()[-1])
    finally:
        subprocess.run([*testbed, "down", "--name", "bench"], check=True)


def hosts() -> dict[str, Any]:
    names = {f"host-{number:02}": {"bench_host": number} for number in range(HOSTS)}
    variables = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    return {"all": {"hosts": names, "vars": variables}}


def play(tasks: list[dict[str, Any]], kubeconfig: Path) -> Play:
    defaults = {"group/livemigration.kubevirt.cluster": {"kubeconfig": str(kubeconfig)}}
    head = {"name": "Measure", "hosts": "all", "gather_facts": False, "module_defaults": defaults}
    return [head | {"tasks": tasks}]


def ours() -> list[dict[str, Any]]:
    """One NAD a call; each has a range to itself, so that nothing overlaps."""
    return [
        {
            "name": f"NAD {call}",
            "livemigration.kubevirt.migration_nad": {
                "name": f"nad-{{{{ bench_host }}}}-{call}",
                "namespace": OURS,
                "vni": f"{{{{ 1000 + bench_host * {CALLS} + {call} }}}}",
                "mtu": 1400,
                "range": f"10.{{{{ 100 + bench_host }}}}.{call}.0/24",
                "slot": 0,
                "max_clusters": 2,
                "required_addresses": 8,
            },
        }
        for call in range(CALLS)
    ]


def theirs() -> list[dict[str, Any]]:
    """The objects come from the inventory, as a user of kubernetes.core would have them."""
    return [
        {"name": f"NAD {call}", "kubernetes.core.k8s": {"definition": f"{{{{ bench_objects[{call}] }}}}"}}
        for call in range(CALLS)
    ]


def made(api: client.CustomObjectsApi, namespace: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.list_namespaced_custom_object(**NAD, namespace=namespace)["items"]
    return sorted(found, key=lambda nad: nad["metadata"]["name"])


def copies(nads: list[dict[str, Any]]) -> dict[str, Any]:
    """The inventory of the peer: what ours has made, host by host."""
    inventory = hosts()
    for number, variables in enumerate(inventory["all"]["hosts"].values()):
        variables["bench_objects"] = [
            {
                "apiVersion": nad["apiVersion"],
                "kind": nad["kind"],
                "metadata": {
                    **{key: nad["metadata"][key] for key in ("labels", "annotations") if key in nad["metadata"]},
                    "name": nad["metadata"]["name"],
                    "namespace": THEIRS,
                },
                "spec": nad["spec"],
            }
            for nad in nads
            if nad["metadata"]["name"].startswith(f"nad-{number}-")
        ]
    return inventory


class Runner:
    """Runs plays in a directory of its own, with kubernetes.core on the path."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        fetch = [sys.executable, str(ROOT / "scripts/peers.py")]
        peers = subprocess.run(fetch, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
        paths = os.pathsep.join([os.environ["ANSIBLE_COLLECTIONS_PATH"], peers])
        self._environment = os.environ | {"ANSIBLE_COLLECTIONS_PATH": paths, "ANSIBLE_NOCOLOR": "1"}

    def seconds(self, tasks: Play, inventory: dict[str, Any], *, changed: int) -> float:
        """How long the play takes; every call must have done what it was to do, or the time says nothing."""
        for name, content in (("play.yml", tasks), ("hosts.yml", inventory)):
            (self._directory / name).write_text(yaml.safe_dump(content, sort_keys=False))
        started = time.perf_counter()
        done = subprocess.run(
            [Path(sys.executable).with_name("ansible-playbook"), "-i", "hosts.yml", "play.yml"],
            check=False,
            cwd=self._directory,
            env=self._environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        seconds = time.perf_counter() - started
        counted = re.findall(r"ok=(\d+) +changed=(\d+)", done.stdout)
        if [sum(map(int, column)) for column in zip(*counted, strict=True)] != [HOSTS * CALLS, changed]:
            raise SystemExit(f"the play did not change {changed} objects:\n{done.stdout[-3000:]}")
        return seconds


def measure(run: Runner, kubeconfig: Path) -> dict[str, tuple[float, float]]:
    api = config.new_client_from_config(str(kubeconfig))
    core, custom = client.CoreV1Api(api), client.CustomObjectsApi(api)
    for namespace in (OURS, THEIRS):
        core.create_namespace({"metadata": {"name": namespace}})
    total = HOSTS * CALLS
    mine = play(ours(), kubeconfig)
    first, again = run.seconds(mine, hosts(), changed=total), run.seconds(mine, hosts(), changed=0)
    objects = made(custom, OURS)
    other, inventory = play(theirs(), kubeconfig), copies(objects)
    their_first, their_again = run.seconds(other, inventory, changed=total), run.seconds(other, inventory, changed=0)
    if [nad["spec"] for nad in made(custom, THEIRS)] != [nad["spec"] for nad in objects]:
        raise SystemExit("the two have not made the same objects")
    api.close()
    return {"made": (first, their_first), "repeated": (again, their_again)}


def report(times: dict[str, tuple[float, float]], say: Callable[[str], None] = print) -> bool:
    """Print the table; whether the bar is kept."""
    times = {**times, "both": (sum(ours for ours, _ in times.values()), sum(theirs for _, theirs in times.values()))}
    say(f"{HOSTS} hosts x {CALLS} calls on one API server, in one run")
    say(f"{'':10}{'ours':>10}{'kubernetes.core':>18}{'ratio':>8}")
    for name, (mine, other) in times.items():
        say(f"{name:10}{mine:8.1f} s{other:16.1f} s{mine / other:8.3f}")
    ratio = times["both"][0] / times["both"][1]
    say(f"bar {BAR}: {'kept' if ratio <= BAR else 'MISSED'} with {ratio:.3f}")
    return ratio <= BAR


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="bench-") as name, cluster() as kubeconfig:
        times = measure(Runner(Path(name)), kubeconfig)
    return 0 if report(times) else 1


if __name__ == "__main__":
    sys.exit(main())
