# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line: one function a verb. Results go to standard output, everything else to standard error."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from . import build, daemon
from .arguments import parser
from .audit import Audit
from .bed import beds
from .control import BedError, call
from .faults import FAULTS

Options = argparse.Namespace


def main(arguments: Sequence[str]) -> int:
    options = parser().parse_args(arguments)
    try:
        return VERBS[options.verb](options) or 0
    except (BedError, daemon.StartFailed, build.BuildError, OSError) as error:
        print(f"testbed {options.verb}: {error}", file=sys.stderr)
        return 1


def _build(_options: Options) -> None:
    print(build.controlplane())


def _up(options: Options) -> None:
    wanted = options.clusters.split(",")
    started = time.monotonic()
    if not daemon.answers(options.name):
        build.controlplane()
        _spawn(options, wanted)
    _compare(options.name, wanted)
    for cluster in wanted if options.all_vms else wanted[:1] if options.vm else []:
        _ask(options, "vm", cluster=cluster, name="vm-1", namespace="default", seconds=60.0)
    _say(f"bed {options.name} is up after {time.monotonic() - started:.1f} s")
    _print_kubeconfigs(options)


def _spawn(options: Options, wanted: list[str]) -> None:
    try:
        daemon.spawn(options.name, wanted, options.set)
    except daemon.StartFailed:
        # Somebody else's `up` of the same bed may have been faster: then it is up all the same.
        if not daemon.answers(options.name):
            raise


def _compare(name: str, wanted: list[str]) -> None:
    """An `up` of what runs already is fine; of something else it is a mistake to point out."""
    found = list(call(beds() / name, "status")["clusters"])
    if missing := sorted(set(wanted) - set(found)):
        raise BedError(
            f"bed {name} runs already, with the clusters {', '.join(found)}; "
            f"for {', '.join(missing)} use: python -m testbed add {missing[0]} (or `down` first)"
        )


def _down(options: Options) -> None:
    if not daemon.running(options.name):
        _say(f"bed {options.name} does not run")
        return
    daemon.end(options.name)
    _say(f"bed {options.name} is down")


def _status(options: Options) -> int:
    if not daemon.answers(options.name):
        _say(f"bed {options.name} does not run")
        return 3
    status = _ask(options, "status")
    if options.json:
        _show(status)
        return 0
    print(f"bed {status['name']}: up for {status['seconds']} s, pid {status['pid']}, {status['directory']}")
    for name, cluster in status["clusters"].items():
        dead = [process for process, runs in cluster["processes"].items() if not runs]
        waiting = [*(f"{process} is dead" for process in dead), *cluster["unready"]]
        print(f"{name}: {'; '.join(waiting) if waiting else 'ready'}")
        print(f"  kubeconfig  {cluster['kubeconfig']}")
        print(f"  server      {cluster['server']}")
        print(f"  objects     {', '.join(f'{count} {kind}' for kind, count in cluster['objects'].items() if count)}")
    for source, target in status["partitions"]:
        print(f"partition: nothing gets from {source} to {target}")
    return 0


def _ready(options: Options) -> None:
    _ask(options, "ready", seconds=options.timeout)


def _add(options: Options) -> None:
    print(_ask(options, "add", name=options.cluster)["kubeconfig"])


def _vm(options: Options) -> None:
    made = _ask(
        options,
        "vm",
        cluster=options.cluster,
        name=options.vm_name,
        namespace=options.namespace,
        seconds=options.timeout,
    )
    _show(made)


def _user(options: Options) -> None:
    groups = [group for group in options.groups.split(",") if group]
    print(_ask(options, "user", cluster=options.cluster, name=options.user, groups=groups)["kubeconfig"])


def _fault(options: Options) -> None:
    match options.action:
        case "set":
            arguments = dict(_assignment(text) for text in options.arguments)
            _show(
                _ask(
                    options,
                    "fault-set",
                    name=options.fault,
                    cluster=options.cluster,
                    times=options.times,
                    args=arguments,
                )
            )
        case "clear":
            _show(_ask(options, "fault-clear", name=options.fault, cluster=options.cluster))
        case _:
            _show_faults(_ask(options, "fault-list"), options.json)


def _faults(_options: Options) -> None:
    print("| fault | what happens | arguments |\n|---|---|---|")
    for name, fault in sorted(FAULTS.items()):
        arguments = "; ".join(f"`{argument}`: {meaning}" for argument, meaning in fault.args.items())
        print(f"| `{name}` | {fault.doc} | {arguments} |".replace("|  |", "| |"))


def _partition(options: Options) -> None:
    _show(_ask(options, "partition", source=options.source, target=options.target, one_way=options.one_way))


def _heal(options: Options) -> None:
    _show(_ask(options, "heal"))


def _audit(options: Options) -> None:
    bed = json.loads((beds() / options.name / "bed.json").read_text())
    if options.cluster not in bed["clusters"]:
        raise BedError(f"no cluster {options.cluster!r}; there are: {', '.join(bed['clusters'])}")
    audit = Audit(Path(bed["clusters"][options.cluster]["audit_log"]))
    if options.mark:
        print(audit.mark())
        return
    user = None if options.user == "*" else options.user
    for write in audit.writes(user, options.since, options.dry_run):
        print(json.dumps(write.as_dict()))


def _snapshot(options: Options) -> None:
    _show(_ask(options, "snapshot", cluster=options.cluster, kinds=options.kinds))


def _logs(options: Options) -> None:
    bed = beds() / options.name
    path = daemon.log_path(options.name)
    if options.cluster:
        path = bed / options.cluster / f"{options.component}.log"
    print(path if options.path else path.read_text(errors="replace"), end="\n" if options.path else "")


def _daemon(options: Options) -> int:
    return daemon.serve(options.name, options.clusters.split(","), options.set, options.report, options.lifeline)


VERBS: dict[str, Callable[[Options], int | None]] = {
    "add": _add,
    "audit": _audit,
    "build": _build,
    "daemon": _daemon,
    "down": _down,
    "fault": _fault,
    "faults": _faults,
    "heal": _heal,
    "logs": _logs,
    "partition": _partition,
    "ready": _ready,
    "snapshot": _snapshot,
    "status": _status,
    "up": _up,
    "user": _user,
    "vm": _vm,
}


def _ask(options: Options, verb: str, **arguments: Any) -> Any:
    return call(beds() / options.name, verb, **arguments)


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def _show(result: Any) -> None:
    print(json.dumps(result, indent=2))


def _print_kubeconfigs(options: Options) -> None:
    for cluster in _ask(options, "status")["clusters"].values():
        print(cluster["kubeconfig"])


def _show_faults(faults: Any, as_json: bool) -> None:
    if as_json:
        _show(faults)
        return
    for one in faults["active"]:
        print(f"ON   {one['cluster']}: {one['fault']} {one['args']}")
    for source, target in faults["partitions"]:
        print(f"ON   partition {source} -> {target}")
    for name, fault in faults["known"].items():
        print(f"{name}: {fault['doc']}")
        for argument, meaning in fault["args"].items():
            print(f"    {argument}=  {meaning}")


def _assignment(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise BedError(f"wanted NAME=VALUE, found {text!r}")
    return name, value
