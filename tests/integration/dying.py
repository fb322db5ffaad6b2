# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A move in a process of its own that is killed (SIGKILL) right after its n-th write: ``python -m integration.dying``.

Reads the options and the number as JSON from standard input.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any

from ansible_collections.livemigration.kubevirt.plugins.module_utils import _move_loop, _plan
from integration.calls import call


def main() -> None:
    """Run until it dies; a move with fewer writes ends as usual."""
    request: dict[str, Any] = json.load(sys.stdin)
    left, write = request["writes"], _plan.write
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

    def dying(*arguments: Any, **more: Any) -> Any:
        nonlocal left
        result = write(*arguments, **more)
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(_move_loop, "write", dying)  # noqa: B010  # mypy does not let a function be assigned
    call("vmim_crosscluster", request["options"])


if __name__ == "__main__":
    main()
