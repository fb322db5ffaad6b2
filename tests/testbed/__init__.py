# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A test bed: clusters with real Kubernetes control planes and simulated nodes, KubeVirt and networks."""
