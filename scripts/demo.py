# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo: two clusters, their network prepared, a running VM moved there and back, and what that proves.

KEEP=1 leaves the clusters up, also after a failure, and prints what to try next. What took longer than its bar is
called MISSED; the demo does not fail for it, since a busy machine is enough.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from our_time import OURS, Added, added

ROOT = Path(__file__).resolve().parent.parent
INVENTORY = ROOT / "inventory" / "demo"
BED = "demo"
VM = "default/vm-1"
CLUSTERS = ("cluster-a", "cluster-b")
START_BAR, ADDED_BAR = 20.0, 1.0


class DemoFailed(Exception):
    """Something did not come out as it should; the message says what."""


@dataclass
class Demo:
    """One run, and what it has proven so far."""

    kubeconfigs: Path
    proven: list[str] = field(default_factory=list)

    def play(self, playbook: str, **extra: str) -> str:
        """Run a playbook of the collection for the user to see; returns what it printed."""
        command = ["ansible-playbook", f"--inventory={INVENTORY}", f"livemigration.kubevirt.{playbook}"]
        for name, value in extra.items():
            command.append(f"--extra-vars={name}={value}")
        say("$ " + " ".join(command).replace(f"{ROOT}/", ""))
        printed = []
        environment = os.environ | {"DEMO_KUBECONFIGS": str(self.kubeconfigs), "PYTHONUNBUFFERED": "1"}
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
            for line in process.stdout or ():
                print(line, end="", flush=True)
                printed.append(line)
        if process.returncode:
            raise DemoFailed(f"the playbook {playbook} ended with exit code {process.returncode}")
        return "".join(printed)

    def move(self, source: str, target: str) -> None:
        """Move the VM and look on both clusters, independently of the collection, where it is."""
        before = guest(self.kubeconfigs, source)
        marks = marked()
        started = time.monotonic()
        self.play("migrate", source=source, target=target, vms=VM)
        seconds = time.monotonic() - started
        after = guest(self.kubeconfigs, target)
        left = remains(self.kubeconfigs, source, target)
        if (after["mac"], after["uuid"]) != (before["mac"], before["uuid"]) or not after["completed"]:
            raise DemoFailed(f"the guest on {target} is not the one that ran on {source}: {before} {after}")
        if left:
            raise DemoFailed(f"left over after the move: {', '.join(left)}")
        time_of = added(
            (json.loads(line) for name in CLUSTERS for line in writes(name, marks[name], "*")), *VM.split("/")
        )
        self.proven.append(
            f"{VM} moved from {source} to {target}, same MAC {after['mac']}, same firmware UUID; source halted, empty"
        )
        self.proven += timed(time_of, seconds)


def timed(move: Added, seconds: float) -> list[str]:
    """What a move, and the play that made it, say about our time; our_time.py says what is left out."""
    ours = f"at least {move.ours:.2f} s were the collection's ({judged(move.ours, ADDED_BAR)})"
    return [
        f"  {move.total:.1f} s from our first write to the last: {ours}, the rest KubeVirt's own steps",
        f"  the whole play took {seconds:.1f} s, Ansible's start, the checks before and the proof after included",
    ]


def judged(seconds: float, bar: float) -> str:
    """Whether a time keeps its bar."""
    return f"bar {bar:g} s: {'kept' if seconds <= bar else 'MISSED'}"


def say(text: str) -> None:
    """A line of the demo's own."""
    print(f"\n{text}", flush=True)


def testbed(*arguments: str) -> str:
    """A verb of the test bed; its progress goes to the terminal."""
    command = [sys.executable, "-m", "testbed", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def marked() -> dict[str, str]:
    """A place in the audit log of each cluster."""
    return {name: testbed("audit", name, "--name", BED, "--mark").strip() for name in CLUSTERS}


def writes(name: str, mark: str, user: str) -> list[str]:
    """What a user wrote on a cluster since a mark, by the API server's own record."""
    return testbed("audit", name, "--name", BED, "--since", mark, "--user", user).splitlines()


def cluster(kubeconfigs: Path, name: str) -> Any:
    """A plain client of the test bed's, which shares no code with the collection."""
    from testbed.testing import Client

    return Client(kubeconfigs / f"{name}.kubeconfig")


def guest(kubeconfigs: Path, name: str) -> dict[str, Any]:
    """Identity and state of the guest as one cluster shows it."""
    client = cluster(kubeconfigs, name)
    namespace, vm = VM.split("/")
    vmi = client.get("virtualmachineinstances", vm, namespace)
    client.close()
    if vmi is None or vmi["status"]["phase"] != "Running":
        raise DemoFailed(f"{VM} does not run on {name}")
    return {
        "mac": vmi["status"]["interfaces"][0]["mac"],
        "uuid": vmi["spec"]["domain"]["firmware"]["uuid"],
        "completed": vmi["status"].get("migrationState", {}).get("completed", False),
    }


def remains(kubeconfigs: Path, source: str, target: str) -> list[str]:
    """What should be gone after a move and is not."""
    namespace, vm = VM.split("/")
    left = []
    for name in (source, target):
        client = cluster(kubeconfigs, name)
        vmims = client.list("virtualmachineinstancemigrations", namespace)
        left += [f"{name}: VirtualMachineInstanceMigration {vmim['metadata']['name']}" for vmim in vmims]
        if name == source:
            strategy = client.get("virtualmachines", vm, namespace)["spec"].get("runStrategy")
            if strategy != "Halted":
                left.append(f"{name}: VirtualMachine {vm} with run strategy {strategy}")
            if client.get("virtualmachineinstances", vm, namespace) is not None:
                left.append(f"{name}: VirtualMachineInstance {vm}")
        client.close()
    return left


def site_again(demo: Demo) -> None:
    """The second run must change nothing, and the API servers' own records must hold no write."""
    marks = marked()
    printed = demo.play("site")
    recap = [line for line in printed.splitlines() if "changed=" in line]
    if any("changed=0" not in line for line in recap):
        raise DemoFailed("the second run of site changed something")
    for name, mark in marks.items():
        # Asking what one may do is sent like a write and stores nothing.
        stored = [line for line in writes(name, mark, OURS) if "selfsubjectaccessreviews" not in line]
        if stored:
            raise DemoFailed(f"the second run of site wrote on {name}: {stored}")
    demo.proven.append("the second run of site changed nothing and wrote nothing (audit logs of both API servers)")


def run(kubeconfigs: Path) -> list[str]:
    """The whole road; returns what was proven."""
    demo = Demo(kubeconfigs)
    demo.play("site")
    demo.proven.append("both clusters prepared: every pod of KubeVirt on the migration network, trust both ways")
    demo.move("cluster-a", "cluster-b")
    site_again(demo)
    demo.move("cluster-b", "cluster-a")
    demo.play("verify")
    demo.proven.append("verify found every pod in its slice, and nothing that differs from the inventory")
    return demo.proven


def dev() -> str:
    """How a command is begun that needs the environment of the checkout."""
    return f"{getattr(sys, '_base_executable', sys.executable)} scripts/dev.py"


def next_commands(kubeconfigs: Path) -> list[str]:
    """What to try next, in a shell of its own in the checkout."""
    migrate = "ansible-playbook -i inventory/demo livemigration.kubevirt.migrate"
    looks = [
        f"{dev()} python -m testbed snapshot {name} virtualmachines virtualmachineinstances --name {BED}"
        for name in CLUSTERS
    ]
    return [
        f"cd {ROOT}",
        # Set for one command it would not be there for the next.
        *(
            f"export {name}={os.environ[name]}"
            for name in ("LIVEMIGRATION_CACHE", "TESTBED_STATE")
            if name in os.environ
        ),
        f"export DEMO_KUBECONFIGS={kubeconfigs}",
        f"{dev()} {migrate} -e source=cluster-a -e target=cluster-b -e vms={VM}",
        *looks,
        f"{dev()} python -m testbed fault list --name {BED}    # what can go wrong, and how to make it",
        f"{dev()} python -m testbed down --name {BED}",
    ]


def end(kept: bool) -> None:
    """Stop the clusters, or say that they are up and what to try next."""
    if not kept:
        testbed("down", "--name", BED)
        return
    found = subprocess.run(
        [sys.executable, "-m", "testbed", "status", "--name", BED, "--json"],
        check=False,
        stdout=subprocess.PIPE,
        text=True,
    )
    if found.returncode:
        return  # it has said that nothing runs
    kubeconfigs = Path(json.loads(found.stdout)["directory"])
    say("The clusters are still up. Try:")
    for command in next_commands(kubeconfigs):
        print(f"  {command}")
    print(f"or kubectl with {' or '.join(str(kubeconfigs / f'{name}.kubeconfig') for name in CLUSTERS)}")


def start() -> tuple[Path, float]:
    """Start the clusters; returns where their kubeconfigs are, and the seconds it took without the build."""
    testbed("build")
    started = time.monotonic()
    subprocess.run([sys.executable, "-m", "testbed", "up", "--name", BED, "--vm"], check=True)
    up = time.monotonic() - started
    return Path(json.loads(testbed("status", "--name", BED, "--json"))["directory"]), up


def main() -> int:
    """Run the demo; the clusters are stopped in any case unless they are to be kept."""
    started = time.monotonic()
    say("Starting two clusters (the first time this builds the control planes, which takes some minutes)")
    try:
        kubeconfigs, up = start()
        proven = run(kubeconfigs)
    except (DemoFailed, subprocess.CalledProcessError) as error:
        say(f"The demo failed: {error}")
        return 1
    else:
        say(f"Proven in {time.monotonic() - started:.0f} s; clusters up in {up:.1f} s ({judged(up, START_BAR)}):")
        for line in proven:
            print(f"  {line}", flush=True)
        return 0
    finally:
        end(os.environ.get("KEEP") == "1")


if __name__ == "__main__":
    sys.exit(main())
