# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulators of a site and what is installed before they start.

A simulator's module is imported here and adds its classes to SIMULATORS, and what must be on the cluster
before any of them runs (furniture, webhook configurations) to INSTALLERS, in the order they are to run.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ..controller import Controller
from ..site import Site

Installer = Callable[[Site], Awaitable[None]]

SIMULATORS: list[type[Controller]] = []
INSTALLERS: list[Installer] = []


def simulators(site: Site) -> list[Controller]:
    """One of each, for one site."""
    return [simulator(site) for simulator in SIMULATORS]
