# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guarded import of the Kubernetes client: the one place that decides what happens without it.

Keep in sync with the requirements in the doc fragment ``cluster``.
"""

from __future__ import annotations

import traceback
from typing import Any

__all__ = ["client", "config", "problem", "urllib3"]

MINIMUM = (36, 0)
"""Versions 34 and 35 ignore NO_PROXY (kubernetes-client/python#2460)."""

IMPORT_ERROR: str | None = None

try:
    import kubernetes
    import urllib3
    from kubernetes import client, config
except ImportError:
    IMPORT_ERROR = traceback.format_exc()
    kubernetes = urllib3 = client = config = None  # type: ignore[assignment]  # callers ask problem() first


def problem() -> str | None:
    """What is missing of the client, as a sentence; ``None`` when all is well."""
    if IMPORT_ERROR is not None:
        return "the Python package kubernetes (>= 36.0) is not installed for this interpreter"
    version = tuple(int(part) for part in _version().split(".")[:2])
    if version < MINIMUM:
        return f"the Python package kubernetes is {_version()}, and versions before 36.0 ignore NO_PROXY"
    return None


def _version() -> str:
    package: Any = kubernetes
    return str(package.__version__)
