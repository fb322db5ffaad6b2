# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an HTTP answer of the API server means, in the words of the error family. Pure."""

from __future__ import annotations

import re

from ._cluster import Object
from ._errors import (
    Conflict,
    Expired,
    Forbidden,
    MigrationError,
    Missing,
    Rejected,
    ServerTrouble,
    Unauthorized,
)
from ._resources import OPERATORS

_VERBS = {"GET": "read", "POST": "create", "PUT": "replace", "PATCH": "change", "DELETE": "delete"}
_WEBHOOK = re.compile(r'admission webhook "([^"]+)" denied the request: ?(.*)', re.DOTALL)


def error_of(status: int, body: Object, *, verb: str, target: str, cluster: str) -> MigrationError:
    """The error that a ``Status`` answer stands for.

    :param verb: HTTP verb, or ``watch``.
    :param target: ``Kind namespace/name``, or ``plural.group`` when a whole kind was asked for.
    """
    text = str(body.get("message") or f"HTTP status {status}")
    wanted = f"to {_VERBS.get(verb, verb)} {target}"
    match status:
        case 401:
            hint = "Renew the token or the client certificate of this cluster's kubeconfig."
            return Unauthorized(wanted, f"the credentials are refused ({text})", cluster, target, hint)
        case 403 if not _WEBHOOK.search(text):
            return _forbidden(text, wanted, cluster, target)
        case 404:
            return _missing(body, text, wanted, cluster, target)
        case 409:
            hint = "Run again: the state is read anew."
            already = body.get("reason") == "AlreadyExists"
            return Conflict(wanted, text, cluster, target, hint, "already_exists" if already else "conflict")
        case 410:
            return Expired(wanted, text, cluster, target)
        case 429:
            hint = "The API server is overloaded; run again later or with fewer forks."
            return ServerTrouble(wanted, text, cluster, target, hint, "too_many_requests")
        case _ if status >= 500:
            return _trouble(text, wanted, cluster, target)
    error = _rejected(text, wanted, cluster, target)
    causes = (body.get("details") or {}).get("causes") or []
    error.fields = tuple(str(cause["field"]) for cause in causes if cause.get("field"))
    return error


def _forbidden(text: str, wanted: str, cluster: str, target: str) -> MigrationError:
    # The API server's text names user, verb, resource and namespace: exactly what an RBAC rule needs.
    hint = "Grant that verb on that resource to the user named, or use other credentials."
    return Forbidden(wanted, text, cluster, target, hint)


def _missing(body: Object, text: str, wanted: str, cluster: str, target: str) -> MigrationError:
    if (body.get("details") or {}).get("name") or (body.get("reason") == "NotFound" and "not found" in text):
        return Missing(wanted, text, cluster, target, "", "not_found")
    hint = "The API server does not know this kind: install what provides it."
    for group, operator in OPERATORS.items():
        if group in target or group in str((body.get("details") or {}).get("group", "")):
            hint = f"{operator} is not installed on this cluster: install it first."
    return Missing(wanted, "an API server that does not know this kind", cluster, target, hint, "no_such_api")


def _trouble(text: str, wanted: str, cluster: str, target: str) -> MigrationError:
    if "failed calling webhook" in text:
        hint = "The webhook's server is down or restarting; see its pods, then run again."
        return ServerTrouble(wanted, text, cluster, target, hint, "webhook_down")
    hint = "See the API server's log, then run again."
    return ServerTrouble(wanted, text, cluster, target, hint, "server_trouble")


def _rejected(text: str, wanted: str, cluster: str, target: str) -> Rejected:
    denied = _WEBHOOK.search(text)
    if denied:
        hint = f"Mend what the admission webhook {denied[1]} refuses."
        return Rejected(wanted, denied[2].strip(), cluster, target, hint, "webhook_denied")
    return Rejected(wanted, text, cluster, target, "Mend the field that the API server names.", "invalid")
