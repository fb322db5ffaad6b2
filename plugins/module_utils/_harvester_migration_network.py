# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The migration network of a Harvester cluster, driven through Harvester's own settings."""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Callable
from typing import Any

from . import _harvester as harvester
from . import _harvester_checks as checks
from . import _harvester_mtu as mtu
from . import _harvester_plan as planning
from . import _harvester_wait as waiting
from . import _kubevirt as kv
from . import _kubevirt_restart as restarting
from . import _kubevirt_rollout as rollout
from . import _quiet as quiet
from ._checks import Finding, refuse
from ._errors import Conflict, Rejected, ServerTrouble, Unreachable, located
from ._gitops import tool_of, undone
from ._harvester import Seen, observe
from ._harvester_config import same
from ._harvester_options import Wanted, wanted_of
from ._job import Job, Result
from ._plan import Change, Plan, plan_of
from ._wait import Verdict
from ._whereabouts import pool_name

_TRIES = 3
"""How often a write is sent that was not answered, or not in time."""

_HARM = "A change restarts virt-handler on every node; with allow_during_migrations they may be lost."

Decide = Callable[[Seen], "Change | None"]


def work(job: Job) -> Result:
    """Bring the settings where they are wanted, one after the other, and wait until they are in force."""
    with located(job.cluster.name, f"Setting {harvester.SETTING_NAME}"):
        return _Road(job).run()


class _Road:
    """One call: what it has written so far, and until when it waits."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.wanted = wanted_of(job.params, job.cluster.name)
        self.deadline = job.clock.now() + job.params["wait_timeout"]
        self.done = Plan()
        self._seen: Seen | None = None

    def run(self) -> Result:
        """The network first, while nobody else writes the KubeVirt CR: a conflict would end it for good."""
        before = self._look()
        findings = self._checked(before)
        self._network()
        if self.wanted.network is None:
            self._in_force()
        self._write(lambda seen: planning.limits(self.wanted, seen))
        self._switched()
        self._write(lambda seen: planning.gate(self.wanted, seen))
        settled = self._in_force()
        if self._uplinks():
            settled = self._in_force()
        return self._result(before, findings, settled)

    def _look(self) -> Seen:
        """What is there: read anew after every write and every wait."""
        self._seen = self._seen or observe(self.job.cluster)
        return self._seen

    def _checked(self, seen: Seen) -> list[Finding]:
        """Refuse before the first write; where nothing is to be written, errors only warn."""
        findings = checks.check(self.wanted, seen)
        changes = [planning.network(self.wanted, seen), planning.limits(self.wanted, seen)]
        changes.append(planning.gate(self.wanted, seen))
        stale = mtu.stale(self.wanted, seen)
        if changes[0] or stale:
            refuse(findings)
        if any(changes) or stale:
            self._quiet()
        if changes[1]:
            self._seen = None
            refuse(planning.blockers(self._look()))
        self.done += Plan(warnings=(*map(str, findings), *self._warnings(seen)))
        return findings

    def _warnings(self, seen: Seen) -> list[str]:
        name, found = self.job.cluster.name, []
        if self.job.params["allow_during_migrations"]:
            found.append(f"{name}: allow_during_migrations: running migrations may be lost by this change")
        if self.wanted.settings.gate:
            found.append(
                f"{name}: allow_decentralized: Harvester does not support moves between clusters; it owns the list of"
                " feature gates, so an upgrade may take the gate away"
            )
        tool = tool_of(seen.setting)
        if tool and self.job.params["allow_gitops"]:
            found.append(f"{name} Setting {harvester.SETTING_NAME} is applied by {tool}: make the change there too")
        if seen.closed:
            kinds = ", ".join(seen.closed)
            found.append(f"{name}: the range was not compared with networks that {kinds} name, which may not be read")
        if self.wanted.network is None and seen.network is not None:
            pool = pool_name(ipaddress.ip_network(seen.network.range))
            found.append(f"{name}: IPPool {pool} stays behind; Harvester never removes it")
        return found

    def _quiet(self) -> None:
        """Harvester itself does not look for migrations before it restarts virt-handler."""
        params = self.job.params
        warnings = quiet.require(
            self.job, _HARM, seconds=params["wait_for_migrations"], allow=params["allow_during_migrations"]
        )
        self.done += Plan(warnings=tuple(each for each in warnings if each not in self.done.warnings))

    def _network(self) -> None:
        """Write the setting, and let Harvester try again where it gave up."""
        self._write(lambda seen: planning.network(self.wanted, seen))
        tries = 1
        while not self.job.check_mode:
            if not waiting.noted(self._look().setting).done:
                self._wait(self._noted, "Harvester to take the setting")
            seen = self._look()
            if not seen.gave_up:
                return
            if tries > self.job.params["retries"]:
                raise waiting.given_up(self.job.cluster, seen.setting, tries)
            tries += 1
            self._write(planning.again)

    def _noted(self) -> Verdict:
        return waiting.noted(harvester.read_setting(self.job.cluster))

    def _write(self, decide: Decide) -> None:
        """Send what is decided on what is there now; an attempt without an answer may have been carried out."""
        sent: Change | None = None
        for attempt in range(1, _TRIES + 1):
            change = decide(self._look())
            if change is None:
                break
            tool = tool_of(change.before)
            if tool and not self.job.params["allow_gitops"]:
                raise undone(tool, change.why, change.cluster, str(change.ref))
            self._quiet()
            self._seen = None if not self.job.check_mode else self._seen
            try:
                self.job.apply(plan_of([change]))
            except Conflict:
                if attempt == _TRIES:
                    raise
            except (Unreachable, ServerTrouble, Rejected) as error:
                if attempt == _TRIES or isinstance(error, Rejected):
                    raise waiting.explained(error) from error
                sent = change
                self.job.clock.sleep(1.0)
            else:
                sent = change
                break
        self.done += plan_of([sent])

    def _switched(self) -> None:
        # Whether the gate is on is not Harvester's.
        without = dataclasses.replace(self.wanted, settings=dataclasses.replace(self.wanted.settings, gate=None))
        self._wait(
            lambda: waiting.switched(self.job.cluster, without), "KubeVirt to have what Harvester's settings say"
        )

    def _in_force(self) -> bool:
        """Wait until every pod has it; check mode only looks."""
        found: list[Verdict] = []

        def look() -> Verdict:
            seen = rollout.read(self.job.cluster, harvester.NAMESPACE, "kubevirt")
            found[:] = [waiting.in_force(seen, self.wanted)]
            return found[0]

        if self.job.check_mode:
            return look().done and not self.done.changed
        self._wait(look, "the migration network in force on every pod", rollout.HINT)
        return True

    def _uplinks(self) -> bool:
        """Restart the pods that have the uplinks' MTU of before; whether there were any."""
        seen = self._look()
        stale = mtu.stale(self.wanted, seen)
        allow = self.job.params["allow_during_migrations"]
        self.done += restarting.restart(
            self.job, seen.kubevirt, stale, mtu.WHY, deadline=self.deadline, during_migrations=allow
        )
        return bool(stale)

    def _wait(self, look: Callable[[], Verdict], expected: str, hint: str = "") -> None:
        if self.job.check_mode:
            return
        self._seen = None
        self.job.wait(
            look,
            seconds=self.job.left(self.deadline),
            expected=expected,
            object=f"Setting {harvester.SETTING_NAME}",
            hint=hint or "See Harvester's pods in harvester-system and their log. Run again to go on waiting.",
            pause=0.5,
        )

    def _result(self, before: Seen, findings: list[Finding], settled: bool) -> Result:
        seen = self._look()
        wanted, kubevirt = self.wanted, seen.kubevirt
        current = same(wanted.network, seen.network)
        network = wanted.network
        facts: dict[str, Any] = {
            "version": seen.version,
            "namespace": harvester.NAMESPACE,
            "nad": str(seen.nad["metadata"]["name"]) if seen.nad and current else "",
            "value": seen.value if current else (network.text() if network else ""),
            "cluster_network": network.cluster_network if network else None,
            "vlan": network.vlan if network else None,
            "range": network.range if network else None,
            "exclude": list(network.exclude) if network else [],
            "slice": wanted.slice.as_dict() if wanted.slice else None,
            "capacity": _capacity(wanted, before),
            "kubevirt_version": kv.version_text(kubevirt),
            "network": kv.network(kubevirt) or "",
            "decentralized": kv.gate_on(kubevirt),
            "migrations": kv.configuration(kubevirt).get("migrations") or {},
            "synchronization_addresses": kv.sync_addresses(kubevirt),
            "findings": [finding.as_dict() for finding in findings],
            "settled": settled,
        }
        return self.job.finish(self.done, harvester_migration_network=facts)


def _capacity(wanted: Wanted, seen: Seen) -> dict[str, Any] | None:
    if wanted.slice is None:
        return None
    room = checks.room(wanted.slice, seen)
    return checks.need(wanted, seen).as_dict(room.available) | {"taken": room.taken}
