# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connections of modules that work on one cluster, on two, and on a whole fleet: the same options each time."""

from __future__ import annotations

import textwrap


def _explicit(documentation: str) -> str:
    """The connection as suboptions, all but its name; nothing of the environment stands in for one of several."""
    _before, first, rest = documentation.partition("  kubeconfig:\n")
    lines = (line for line in (first + rest).splitlines() if "- The environment variable E(" not in line)
    return textwrap.indent("\n".join(lines), "    ")


class ModuleDocFragment:
    """The connection is written down once, for one cluster."""

    DOCUMENTATION = r"""
requirements:
  - python >= 3.11
  - kubernetes >= 36.0
options:
  cluster_name:
    description:
      - The name of the cluster in messages, results and diffs.
      - Defaults to the context, or else the address of the API server.
    type: str
  kubeconfig:
    description:
      - Path of a kubeconfig file, or its content as a dictionary.
      - The environment variable E(K8S_AUTH_KUBECONFIG) stands in for it.
    type: raw
  context:
    description:
      - The name of a context in the kubeconfig.
      - The environment variable E(K8S_AUTH_CONTEXT) stands in for it.
    type: str
  host:
    description:
      - URL of the API server.
      - The environment variable E(K8S_AUTH_HOST) stands in for it.
    type: str
  api_key:
    description:
      - Bearer token.
      - The environment variable E(K8S_AUTH_API_KEY) stands in for it.
    type: str
  username:
    description:
      - User name for basic authentication.
      - The environment variable E(K8S_AUTH_USERNAME) stands in for it.
    type: str
  password:
    description:
      - Password for basic authentication.
      - The environment variable E(K8S_AUTH_PASSWORD) stands in for it.
    type: str
  validate_certs:
    description:
      - Whether to verify the API server's certificate.
      - The environment variable E(K8S_AUTH_VERIFY_SSL) stands in for it.
    type: bool
    aliases: [verify_ssl]
  ca_cert:
    description:
      - Path of the CA certificate that the API server's certificate is verified with.
      - The environment variable E(K8S_AUTH_SSL_CA_CERT) stands in for it.
    type: path
    aliases: [ssl_ca_cert]
  client_cert:
    description:
      - Path of a client certificate.
      - The environment variable E(K8S_AUTH_CERT_FILE) stands in for it.
    type: path
    aliases: [cert_file]
  client_key:
    description:
      - Path of the client certificate's key.
      - The environment variable E(K8S_AUTH_KEY_FILE) stands in for it.
    type: path
    aliases: [key_file]
  proxy:
    description:
      - URL of an HTTP proxy for the connection.
      - The environment variable E(K8S_AUTH_PROXY) stands in for it.
    type: str
  no_proxy:
    description:
      - Hosts, domains, addresses and CIDRs that are reached without the proxy, separated by commas.
      - The environment variable E(K8S_AUTH_NO_PROXY) stands in for it.
    type: str
  proxy_headers:
    description:
      - Headers for the proxy.
    type: dict
    suboptions:
      proxy_basic_auth:
        description:
          - C(user:password) for the proxy.
          - The environment variable E(K8S_AUTH_PROXY_HEADERS_PROXY_BASIC_AUTH) stands in for it.
        type: str
      basic_auth:
        description:
          - C(user:password) for the API server behind the proxy.
          - The environment variable E(K8S_AUTH_PROXY_HEADERS_BASIC_AUTH) stands in for it.
        type: str
      user_agent:
        description:
          - The user agent the proxy sees.
          - The environment variable E(K8S_AUTH_PROXY_HEADERS_USER_AGENT) stands in for it.
        type: str
  persist_config:
    description:
      - Whether refreshed tokens are written back to the kubeconfig.
      - The environment variable E(K8S_AUTH_PERSIST_CONFIG) stands in for it.
    type: bool
  impersonate_user:
    description:
      - The user to act as.
      - The environment variable E(K8S_AUTH_IMPERSONATE_USER) stands in for it.
    type: str
  impersonate_groups:
    description:
      - The group to act as; one is supported.
      - The environment variable E(K8S_AUTH_IMPERSONATE_GROUPS) stands in for it.
    type: list
    elements: str
"""

    # What follows is composed, so it is annotated: ansible-test takes each plain assignment here for a literal.
    SOURCE_AND_TARGET: str = f"""
requirements:
  - python >= 3.11
  - kubernetes >= 36.0
options:
  source:
    description:
      - The connection to the source cluster, the one the guest runs on at first.
      - It must be explicit; no environment variable and no default kubeconfig stands in for it.
    type: dict
    required: true
    suboptions: &connection
      cluster_name:
        description:
          - The name of the cluster in messages, results and diffs.
          - Defaults to the context, or else the address of the API server.
        type: str
{_explicit(DOCUMENTATION)}
  target:
    description:
      - The connection to the target cluster, with the same suboptions as O(source).
      - It must lead to another cluster than O(source), which is compared by the UID of C(kube-system).
    type: dict
    required: true
    suboptions: *connection
"""

    SEVERAL: str = f"""
requirements:
  - python >= 3.11
  - kubernetes >= 36.0
options:
  clusters:
    description:
      - The connections to all clusters, one entry each, with kubernetes.core's options.
      - They must be explicit; no environment variable and no default kubeconfig stands in for them.
      - Each must lead to another cluster, which is compared by the UID of C(kube-system).
    type: list
    elements: dict
    required: true
    suboptions:
      cluster_name:
        description:
          - The name of the cluster in messages, results and diffs.
        type: str
        required: true
{_explicit(DOCUMENTATION)}
"""
