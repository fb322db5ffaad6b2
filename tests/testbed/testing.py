# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests use: a bed of their own, a running one, or real clusters in its place."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from . import build, daemon, real
from .client import Client
from .handle import TestBed, TestCluster

__all__ = ["Client", "TestBed", "TestCluster", "open_bed", "own_bed"]

REAL = "TESTBED_KUBECONFIGS"
"""NAME:PATH,NAME:PATH: run against these clusters instead of a test bed."""
NAME = "TESTBED_NAME"
"""A bed that runs already and is to be used, and left running."""
_PAIR = ("cluster-a", "cluster-b")
_numbers = itertools.count(1)


@contextmanager
def open_bed(purpose: str, clusters: tuple[str, ...] = _PAIR, *settings: str) -> Iterator[TestBed]:
    """The clusters that the environment names, else a bed for as long as the block lasts.

    :param purpose: a word that tells it from others in the list of beds.
    """
    if given := os.environ.get(REAL):
        with real.open_clusters(given) as bed:
            yield bed
    elif running := os.environ.get(NAME):
        yield from _until_closed(_connect(running))
    else:
        yield from _own(purpose, clusters, settings)


@contextmanager
def own_bed(purpose: str, clusters: tuple[str, ...] = _PAIR, *settings: str) -> Iterator[TestBed]:
    """A bed that nobody else uses (real clusters are what they are)."""
    if given := os.environ.get(REAL):
        with real.open_clusters(given) as bed:
            yield bed
    else:
        yield from _own(purpose, clusters, settings)


def _own(purpose: str, clusters: tuple[str, ...], settings: tuple[str, ...]) -> Iterator[TestBed]:
    name = f"{daemon.OF_TESTS}{os.getpid()}-{purpose}-{next(_numbers)}"
    build.controlplane()
    daemon.prune()
    daemon.spawn(name, clusters, settings, outlives=False)
    try:
        yield from _until_closed(_connect(name))
    finally:
        daemon.end(name)


def _until_closed(bed: TestBed) -> Iterator[TestBed]:
    try:
        yield bed
    finally:
        for cluster in bed.clusters.values():
            cluster.close()


def _connect(name: str) -> TestBed:
    bed = TestBed(name)
    found = bed.ask("status")["clusters"]
    bed.clusters = {cluster: TestCluster(cluster, Path(one["kubeconfig"]), bed) for cluster, one in found.items()}
    return bed
