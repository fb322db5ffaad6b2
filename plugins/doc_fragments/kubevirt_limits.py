# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The limits and the certificate rotation of a KubeVirt CR."""

from __future__ import annotations


class ModuleDocFragment:
    """Options that each stand for one field of the KubeVirt CR."""

    DOCUMENTATION = r"""
options:
  utility_volumes_timeout:
    description:
      - Seconds to wait for utility volumes to be detached before a migration (KubeVirt 1.8 or later).
      - KubeVirt's own default is 150.
    type: int
  max_downtime_ms:
    description:
      - Milliseconds that a guest may stand still at the end of a migration (KubeVirt 1.9 or later).
      - KubeVirt's own default is 900.
    type: int
  node_drain_taint_key:
    description:
      - The taint that makes KubeVirt migrate VMs away from a node.
    type: str
  ca_duration:
    description:
      - How long KubeVirt's own CA is valid, as a Go duration such as V(168h).
      - KubeVirt's own default is V(168h).
    type: str
  ca_renew_before:
    description:
      - How long before its end the CA is renewed, as a Go duration.
      - With less than half of O(ca_duration) KubeVirt drops imported CAs of other clusters again.
      - KubeVirt's own default is a fifth of O(ca_duration).
    type: str
  keep_peers:
    description:
      - Whether O(ca_renew_before) is raised to half of the life of the CA where it is lower, so that KubeVirt does not
        drop the CAs of other clusters again.
      - An explicit O(ca_renew_before) counts more. Deprecated fields of the rotation are left alone, with a warning.
    type: bool
    default: false
"""

    # Those that Harvester has a setting for, too.
    LIMITS = r"""
options:
  bandwidth_per_migration:
    description:
      - Bytes a second that one migration may use, as a Kubernetes quantity such as V(64Mi); V(0) is no limit.
      - For moves between clusters the value of the target counts.
      - KubeVirt's own default is V(0).
    type: str
  completion_timeout_per_gib:
    description:
      - Seconds that a migration may take for each GiB it has to copy.
      - KubeVirt's own default is 150.
    type: int
  progress_timeout:
    description:
      - Seconds without progress after which a migration is given up.
      - KubeVirt's own default is 150.
    type: int
  parallel_migrations_per_cluster:
    description:
      - How many migrations may run at a time; for moves between clusters the target counts.
      - KubeVirt's own default is 5.
    type: int
  parallel_outbound_migrations_per_node:
    description:
      - How many migrations may leave one node at a time.
      - KubeVirt's own default is 2.
    type: int
  allow_auto_converge:
    description:
      - Whether a guest that changes memory faster than it can be copied is slowed down.
      - KubeVirt's own default is V(false).
    type: bool
  allow_post_copy:
    description:
      - Whether a migration that does not end may switch the guest to the target before all memory is there.
      - A guest whose connection breaks after that is lost. KubeVirt's own default is V(false).
    type: bool
  allow_workload_disruption:
    description:
      - Whether a migration that takes too long may pause the guest, or use post-copy, instead of being given up.
      - KubeVirt's own default is the value of O(allow_post_copy).
    type: bool
  disable_tls:
    description:
      - Whether guests' memory crosses the network unencrypted. Both clusters must agree.
      - KubeVirt's own default is V(false).
    type: bool
  match_selinux_level_on_migration:
    description:
      - Whether the target pod gets the SELinux level of the source pod.
      - KubeVirt's own default is V(true).
    type: bool
  unsafe_migration_override:
    description:
      - Whether VMs are migrated whose storage KubeVirt does not consider safe for it.
      - KubeVirt's own default is V(false).
    type: bool
"""
