# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The errors of the collection: one family, so that one place can turn each into a clear failure.

The domain never sees an exception of the HTTP client: the adapter translates (the transport may be replaced),
and the runner alone decides how an error reaches the user.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from typing import Any


@dataclasses.dataclass
class MigrationError(Exception):
    """What was wanted, what was found, on which cluster and object, and what to do about it.

    :param wanted: what should have been the case, a clause.
    :param found: what was the case instead.
    :param cluster: name of the cluster, empty when none is concerned.
    :param object: the object concerned, as ``Kind namespace/name``.
    :param hint: what the user can do.
    :param reason: one machine-readable word; defaults to the class's own.
    """

    wanted: str = ""
    found: str = ""
    cluster: str = ""
    object: str = ""
    hint: str = ""
    reason: str = ""

    def __post_init__(self) -> None:
        Exception.__init__(self, self.wanted, self.found)
        self.reason = self.reason or _snake(type(self).__name__)
        # What a module knows in spite of the error: the runner returns these keys with it.
        self.result: dict[str, Any] = {}

    def __str__(self) -> str:
        where = " ".join(part for part in (self.cluster, self.object) if part)
        text = f"{where}: " if where else ""
        text += f"wanted {self.wanted}; found {self.found}" if self.wanted else self.found
        return f"{text}. {self.hint}" if self.hint else f"{text}."

    def as_dict(self) -> dict[str, str]:
        """The error as the ``failure`` key of a module's result."""
        fields = ("reason", "wanted", "found", "cluster", "object", "hint")
        return {field: getattr(self, field) for field in fields}


class BadInput(MigrationError):
    """An option, or options together, cannot work. Raised before the first write."""


class Missing(MigrationError):
    """An API, an operator or an object that must exist does not."""


class Unreachable(MigrationError):
    """The API server did not answer."""


class Unauthorized(MigrationError):
    """The API server refused the credentials."""


class Forbidden(MigrationError):
    """The credentials may not do this; the text names verb, resource and cluster."""


class Conflict(MigrationError):
    """Somebody else changed the object between reading and writing it, or owns it."""


class Rejected(MigrationError):
    """The schema or an admission webhook refused the object; the text is theirs."""

    fields: tuple[str, ...] = ()
    """What of the object they refused, where they say it."""


class ServerTrouble(MigrationError):
    """The API server answered with an error of its own (5xx, 429) for as long as it was asked again."""

    retry_after: float = 0.0
    """Seconds for which the server asked to be left alone."""


class Busy(MigrationError):
    """Something that must not be disturbed is under way."""


class DeadlineExceeded(MigrationError):
    """A wait ended without what it waited for."""


class Expired(MigrationError):
    """A watch started from a version the server no longer has (410): list again."""


class Indeterminate(MigrationError):
    """The outcome is not certain; nothing is touched any more."""


class SplitBrain(MigrationError):
    """The guest runs on both sides; nothing is deleted."""


@contextlib.contextmanager
def located(cluster: str, object: str) -> Iterator[None]:
    """Give errors that do not say where they are from this place."""
    try:
        yield
    except MigrationError as error:
        error.cluster = error.cluster or cluster
        error.object = error.object or object
        raise


def _snake(name: str) -> str:
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in name).lstrip("_")
