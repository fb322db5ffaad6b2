# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the property tests run."""

from __future__ import annotations

import os

from hypothesis import settings

# A busy machine is not a bug, so no deadline; continuous integration looks at the same examples every time.
settings.register_profile("project", deadline=None, derandomize=bool(os.environ.get("CI")))
# Some minutes' work for what every fleet stands on: pytest --hypothesis-profile=thorough FILE, a step of its own.
settings.register_profile("thorough", settings.get_profile("project"), max_examples=10_000)
settings.load_profile("project")
