# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real networks on this machine: namespaces, bridges and VXLAN, made by one process and gone with it.

The kernel gives namespaces, veth pairs and bridges; VXLAN is spoken in user space (vtep.py), as not every kernel
that runs tests has the driver. Nothing is needed but Linux with user namespaces, or root.
"""

from .client import Lab

__all__ = ["Lab"]
