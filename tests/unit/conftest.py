# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the property tests run."""

from __future__ import annotations

import os

from hypothesis import settings

# A busy machine is not a bug, so no deadline; continuous integration looks at the same examples every time.
settings.register_profile("project", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("project")
