# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From connection options to a cluster."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Mapping
from typing import Any

from ._errors import BadInput, MigrationError, Missing
from ._http import Http
from ._kube import KubeCluster
from ._kubernetes_dep import client, config, problem, urllib3
from ._wait import Clock

# Our option name -> attribute of the client's configuration.
_ATTRIBUTES = {
    "host": "host",
    "username": "username",
    "password": "password",
    "validate_certs": "verify_ssl",
    "ca_cert": "ssl_ca_cert",
    "client_cert": "cert_file",
    "client_key": "key_file",
    "proxy": "proxy",
    "no_proxy": "no_proxy",
}


def connect(options: Mapping[str, Any], clock: Clock, side: str = "") -> KubeCluster:
    """Open the cluster that connection options describe. No request is sent yet.

    :param options: kubernetes.core's connection options and ``cluster_name``.
    :param side: ``source`` or ``target`` where there are two; both must then be explicit.
    :raises BadInput: when the options do not lead to an API server.
    """
    missing = problem()
    if missing:
        hint = "Install it with: pip install 'kubernetes>=36'"
        raise Missing("the Kubernetes client for Python", missing, "", "", hint, "missing_library")
    if side and not (options.get("kubeconfig") or options.get("host")):
        hint = f"Give {side}.kubeconfig or {side}.host: neither side falls back to the ambient kubeconfig."
        raise BadInput(f"an explicit connection for the {side}", "none", side, "", hint)
    configuration = _configuration(options, side)
    name = options.get("cluster_name") or side or options.get("context") or configuration.host
    return KubeCluster(str(name), Http(str(name), configuration, _headers(options), clock))


def different(source: KubeCluster, target: KubeCluster) -> None:
    """Refuse two names for one cluster: the UID of ``kube-system`` is its identity.

    :raises BadInput: when both are the same cluster, or two clusters have one name.
    """
    if source.name == target.name:
        hint = "Give every cluster a cluster_name of its own: writes are addressed by them."
        raise BadInput("two different names", f"{source.name} twice", source.name, "", hint, "same_name")
    if source.uid() == target.uid():
        found = f"{source.name} and {target.name} are the same cluster (UID of kube-system {source.uid()})"
        hint = "Check the kubeconfigs and contexts of both."
        raise BadInput("two different clusters", found, f"{source.name}, {target.name}", "", hint, "same_cluster")


def _configuration(options: Mapping[str, Any], side: str) -> Any:
    configuration = client.Configuration()
    if not options.get("host") or options.get("kubeconfig"):
        _load(options, configuration, side)
    for option, attribute in _ATTRIBUTES.items():
        if options.get(option) is not None:
            setattr(configuration, attribute, options[option])
    if options.get("api_key"):
        configuration.api_key = {"authorization": f"Bearer {options['api_key']}"}
    proxy_headers = options.get("proxy_headers")
    if proxy_headers:
        given = {key: value for key, value in proxy_headers.items() if value}
        configuration.proxy_headers = urllib3.util.make_headers(**given)
    return configuration


def _load(options: Mapping[str, Any], configuration: Any, side: str) -> None:
    kubeconfig, context = options.get("kubeconfig"), options.get("context")
    persist = bool(options.get("persist_config"))
    try:
        if isinstance(kubeconfig, dict):
            config.load_kube_config_from_dict(
                kubeconfig,
                context=context,
                client_configuration=configuration,
                persist_config=persist,
                temp_file_path=_key_folder().name,
            )
        elif kubeconfig or not _in_cluster(configuration):
            config.load_kube_config(
                config_file=str(kubeconfig) if kubeconfig else None,
                context=context,
                client_configuration=configuration,
                persist_config=persist,
                temp_file_path=_key_folder().name,
            )
    except (config.ConfigException, OSError, ValueError, TypeError) as error:
        raise _unusable(options, side, error) from error


@functools.cache
def _key_folder() -> tempfile.TemporaryDirectory[str]:
    """Where the client puts keys and certificates of kubeconfigs, which TLS wants as files."""
    return tempfile.TemporaryDirectory(prefix="livemigration-")


def forget_keys() -> None:
    """Remove those files now: a worker of Ansible ends without the clean-up of an ordinary Python process."""
    _key_folder().cleanup()


def _in_cluster(configuration: Any) -> bool:
    try:
        config.load_incluster_config(client_configuration=configuration)
    except config.ConfigException:
        return False
    return True


def _unusable(options: Mapping[str, Any], side: str, error: Exception) -> MigrationError:
    where = options.get("cluster_name") or side
    hint = "Check kubeconfig and context; the environment variables K8S_AUTH_* and KUBECONFIG count too."
    # The text of a parser error may quote the file: only the kind of the error is shown for those.
    text = str(error) if isinstance(error, config.ConfigException | OSError) else type(error).__name__
    kubeconfig = options.get("kubeconfig")
    found = f"{kubeconfig}: {text}" if isinstance(kubeconfig, str) else text
    return BadInput("a usable kubeconfig", found.rstrip("."), str(where), "", hint, "bad_kubeconfig")


def _headers(options: Mapping[str, Any]) -> dict[str, str]:
    headers = {"User-Agent": "livemigration.kubevirt"}
    if options.get("impersonate_user"):
        headers["Impersonate-User"] = str(options["impersonate_user"])
    groups = options.get("impersonate_groups") or []
    if len(groups) > 1:
        hint = "Impersonate one group, or use credentials that have all of them."
        raise BadInput("one group to impersonate", f"{len(groups)} groups", hint=hint)
    if groups:
        headers["Impersonate-Group"] = str(groups[0])
    return headers
