# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which virt-launcher a site's virt-controller starts."""

from __future__ import annotations

from ..site import Site


def launcher_image(site: Site) -> str:
    return f"quay.io/kubevirt/virt-launcher:{site.kubevirt_version}"
