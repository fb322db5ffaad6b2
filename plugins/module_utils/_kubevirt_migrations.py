# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The migration settings of a cluster's KubeVirt: written only where they differ, and waited for everywhere."""

from __future__ import annotations

import json
import re
from typing import Any

from . import _kubevirt as kv
from . import _kubevirt_home as homes
from . import _kubevirt_rollout as rollout
from . import _quiet as quiet
from ._cluster import Object
from ._errors import BadInput, Conflict, Missing, ServerTrouble, Unreachable
from ._job import Job, Result
from ._kubevirt_home import Home
from ._kubevirt_settings import Wanted, differences, drops_peers, validate
from ._plan import Plan, merge, merged, plan_of
from ._resources import KUBEVIRT, NAD
from ._wait import Verdict

_TRIES = 5
"""How often a write is computed anew, because somebody else wrote in between or it was not answered."""

_HARM = "Every change renews KubeVirt's CA and may restart virt-handler; with allow_during_migrations they may be lost."
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
_FIXED = {6: (1, 6, 6), 7: (1, 7, 4), 8: (1, 8, 4)}
"""The first release of each minor version that has the fixes for races between the two sides."""


def work(job: Job) -> Result:
    """Bring the settings where they are wanted, step by step, each step in force everywhere before the next."""
    wanted, cluster = Wanted.of(job.params), job.cluster
    validate(wanted, cluster.name)
    kubevirt = kv.find(cluster, job.params["namespace"], job.params["name"])
    home = homes.find(cluster, kubevirt, job.params["flavour"])
    if job.params["keep_peers"]:
        wanted = homes.keeping_peers(wanted, home)
    done = Plan(warnings=(*_unverified_network(job, kubevirt, wanted), *_warnings(job, wanted, home)))
    deadline = job.clock.now() + job.params["wait_timeout"]
    for step in wanted.steps():
        plan, home = write(job, step, home)
        done += plan
        verdict, home = _reach(job, home, deadline)
    settled = verdict.done and not (job.check_mode and done.changed)
    if not settled and not done.changed:
        done += Plan(warnings=(f"{cluster.name} {kv.title(home.kubevirt)} is not settled: {verdict.reason}",))
    kubevirt = home.foreseen(wanted) if job.check_mode else home.kubevirt
    return job.finish(done, kubevirt_migrations=_result(kubevirt, home, settled))


def write(job: Job, step: Wanted, home: Home) -> tuple[Plan, Home]:
    """Write what differs; the plan, and the object as it is then (in check mode: as it would be).

    The patch is valid for one version of the object only. When somebody else was faster it is computed anew, so
    that nobody's change is lost. An attempt without an answer may have been carried out: then nothing differs any
    more at the next one, and it counts. Worst case about 4 s of pauses.
    """
    tries, sent = 0, Plan()
    while True:
        home.validate(step, job.cluster.name)
        body = home.patch(step)
        change = merge(job.cluster, home.resource, home.body, body, differences(body))
        if change is None:
            return sent, home
        home.refuse_foreign(job.cluster.name, differences(body))
        if not job.params["allow_gitops"]:
            homes.refuse_gitops(home, job.cluster.name, differences(body))
        warnings = quiet.require(
            job, _HARM, seconds=job.params["wait_for_migrations"], allow=job.params["allow_during_migrations"]
        )
        plan = plan_of([change], warnings)
        try:
            return plan, home.written(job.apply(plan).get(change.ref) or merged(home.body, body))
        except (Conflict, Unreachable, ServerTrouble) as error:
            tries += 1
            if tries == _TRIES:
                raise
            if not isinstance(error, Conflict):
                sent = plan
                job.clock.sleep(1.0)
            home = home.read(job.cluster)


def _reach(job: Job, home: Home, deadline: float) -> tuple[Verdict, Home]:
    """Wait until the step is in force; check mode only looks."""
    namespace, name = kv.namespace_of(home.kubevirt), home.kubevirt["metadata"]["name"]

    def look() -> Verdict:
        return rollout.verdict(rollout.read(job.cluster, namespace, name))

    if job.check_mode:
        verdict = look()
        return (verdict if home.carried().done else home.carried()), home
    home = _carry(job, home, deadline)
    job.wait(
        look,
        seconds=job.left(deadline),
        expected="the migration settings in force on every pod",
        object=f"KubeVirt {namespace}/{name}",
        hint=rollout.HINT,
        pause=0.5,
    )
    return Verdict(True), home.read(job.cluster)


def _carry(job: Job, home: Home, deadline: float) -> Home:
    """Wait until the owner of the KubeVirt CR has written it there; nothing to wait for where there is none."""
    if home.carried().done:
        return home
    last = [home]

    def look() -> Verdict:
        last[0] = last[0].read(job.cluster)
        return last[0].carried()

    job.wait(
        look,
        seconds=job.left(deadline),
        expected=f"the migration settings in {kv.title(home.kubevirt)}",
        object=home.title,
        hint="Look at the conditions of this resource and at the log of hyperconverged-cluster-operator.",
    )
    return last[0]


def _unverified_network(job: Job, kubevirt: Object, wanted: Wanted) -> list[str]:
    """Refuse a network that would leave virt-handler unable to start.

    In check mode a missing NAD is a warning: an earlier task of the same run would have made it.
    """
    network = wanted.values.get("network")
    if network is None:
        return []
    cluster, namespace = job.cluster.name, kv.namespace_of(kubevirt)
    if not _NAME.fullmatch(network) or len(network) > 253:
        hint = f"Give the bare name; KubeVirt looks for it in its own namespace {namespace}."
        raise BadInput("the name of a NAD, without a namespace", repr(network), cluster, "option network", hint)
    nad = job.cluster.get(NAD, network, namespace)
    title = f"NetworkAttachmentDefinition {namespace}/{network}"
    if nad is None and job.check_mode:
        return [f"{cluster} {title} does not exist (yet), so whether KubeVirt can use it is unverified"]
    if nad is None:
        hint = "Create it first (module migration_nad): without it virt-handler pods do not start."
        raise Missing("the NAD of the migration network", f"none in {namespace}", cluster, title, hint)
    found = unusable(nad)
    if found:
        hint = "Mend the NAD first: a virt-handler whose migration0 has no address does not start."
        raise BadInput("a NAD that gives every pod an address", found, cluster, title, hint, "nad_unusable")
    return []


def unusable(nad: Object) -> str:
    """Why a NAD cannot serve as migration network; empty when it can."""
    try:
        config: Any = json.loads((nad.get("spec") or {}).get("config") or "")
    except ValueError:
        return "spec.config that is no JSON"
    plugins = config.get("plugins", [config]) if isinstance(config, dict) else []
    if not plugins or not all(isinstance(plugin, dict) and plugin.get("type") for plugin in plugins):
        return "spec.config without a CNI type"
    if not any((plugin.get("ipam") or {}).get("type") for plugin in plugins):
        return "no ipam"
    return ""


def _warnings(job: Job, wanted: Wanted, home: Home) -> list[str]:
    name, warnings, kubevirt = job.cluster.name, [], home.kubevirt
    if job.params["allow_during_migrations"]:
        warnings.append(f"{name}: allow_during_migrations: running migrations may be lost by this change")
    for option, harm in _UNSAFE.items():
        if wanted.values.get(option):
            warnings.append(f"{name}: {option}: {harm}")
    if wanted.gate is False and home.resource == KUBEVIRT and kv.gate_by_default(kubevirt):
        warnings.append(f"{name} KubeVirt {kv.version_text(kubevirt)} has the gate on by default: it stays on")
    tool = homes.gitops(home) if job.params["allow_gitops"] else None
    if tool:
        warnings.append(f"{name} {home.title} is applied by {tool}, which may undo this: make the change there too")
    version = kv.version(kubevirt)
    if version and version[0] == 1 and version < _FIXED.get(version[1], version):
        fixed = ".".join(map(str, _FIXED[version[1]]))
        text = kv.version_text(kubevirt)
        warnings.append(f"{name} KubeVirt {text} lacks fixes for moves between clusters; upgrade to {fixed} or later")
    rotates = job.params["keep_peers"] or wanted.values.keys() & {"ca_duration", "ca_renew_before"}
    if rotates and drops_peers(home.foreseen(wanted)):
        warnings.append(f"{name}: ca_renew_before is below half of ca_duration, so peers' CAs are dropped again")
    return warnings


_UNSAFE = {
    "disable_tls": "guests' memory crosses the migration network unencrypted",
    "unsafe_migration_override": "KubeVirt migrates VMs whose storage is not safe for it",
}


def _result(kubevirt: Object, home: Home, settled: bool) -> dict[str, Any]:
    owner = kv.owner(kubevirt)
    return {
        "namespace": kv.namespace_of(kubevirt),
        "name": kubevirt["metadata"]["name"],
        "version": kv.version_text(kubevirt),
        "flavour": owner.flavour if owner else "kubevirt",
        "object": home.title,
        "decentralized": kv.gate_on(kubevirt),
        "network": kv.network(kubevirt) or "",
        "migrations": kv.configuration(kubevirt).get("migrations") or {},
        "certificate_rotation": (kubevirt.get("spec") or {}).get("certificateRotateStrategy") or {},
        "synchronization_addresses": kv.sync_addresses(kubevirt),
        "settled": settled,
    }
