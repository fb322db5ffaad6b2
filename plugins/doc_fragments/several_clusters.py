# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connections of a module that works on a whole fleet."""

from __future__ import annotations


class ModuleDocFragment:
    """The connections of a module that works on a whole fleet."""

    DOCUMENTATION = r"""
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
      kubeconfig:
        description:
          - Path of a kubeconfig file, or its content as a dictionary.
        type: raw
      context:
        description:
          - The name of a context in the kubeconfig.
        type: str
      host:
        description:
          - URL of the API server.
        type: str
      api_key:
        description:
          - Bearer token.
        type: str
      username:
        description:
          - User name for basic authentication.
        type: str
      password:
        description:
          - Password for basic authentication.
        type: str
      validate_certs:
        description:
          - Whether to verify the API server's certificate.
        type: bool
        aliases: [verify_ssl]
      ca_cert:
        description:
          - Path of the CA certificate that the API server's certificate is verified with.
        type: path
        aliases: [ssl_ca_cert]
      client_cert:
        description:
          - Path of a client certificate.
        type: path
        aliases: [cert_file]
      client_key:
        description:
          - Path of the client certificate's key.
        type: path
        aliases: [key_file]
      proxy:
        description:
          - URL of an HTTP proxy for the connection.
        type: str
      no_proxy:
        description:
          - Hosts, domains, addresses and CIDRs that are reached without the proxy, separated by commas.
        type: str
      proxy_headers:
        description:
          - Headers for the proxy.
        type: dict
        suboptions:
          proxy_basic_auth:
            description:
              - C(user:password) for the proxy.
            type: str
          basic_auth:
            description:
              - C(user:password) for the API server behind the proxy.
            type: str
          user_agent:
            description:
              - The user agent the proxy sees.
            type: str
      persist_config:
        description:
          - Whether refreshed tokens are written back to the kubeconfig.
        type: bool
      impersonate_user:
        description:
          - The user to act as.
        type: str
      impersonate_groups:
        description:
          - The group to act as; one is supported.
        type: list
        elements: str
"""
