"""A primary and a shadow cluster with their proxies, as a user runs them."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import Any

from elasticsearch import Elasticsearch

from capture.cluster import Cluster, ClusterSettings
from tests.integration.proxies import PURPOSE, Proxy
from tests.integration.rig import PATIENT, Setting, poll, status_of

_ACTIVE_S = 240
_DRAINED_S = 60

Documents = dict[str, dict[str, Any]]
"""Sources by ``_id``."""


@dataclass(frozen=True)
class Pair:
    """Both clusters, clients that go straight to them, and the proxies."""

    primary_cluster: Cluster
    shadow_cluster: Cluster
    primary: Elasticsearch
    shadow: Elasticsearch
    primary_proxy: Proxy
    shadow_proxy: Proxy

    def drain(self, timeout_s: float = _DRAINED_S) -> None:
        """Wait until the shadow has done all that the primary has."""
        poll(
            "the shadow to catch up",
            lambda: status_of(self.primary_proxy)["waiting_for_shadow"] == 0,
            timeout_s,
            every_s=0.1,
        )

    def documents(self, index: str) -> tuple[Documents, Documents]:
        """What is in ``index`` on both clusters, once the shadow has caught up."""
        self.drain()
        return _documents(self.primary, index), _documents(self.shadow, index)


def _documents(client: Elasticsearch, index: str) -> Documents:
    client.indices.refresh(index=index)
    hits = client.search(index=index, size=10_000)["hits"]["hits"]
    return {hit["_id"]: hit["_source"] for hit in hits}


@contextmanager
def open_pair(setting: Setting, image: str) -> Iterator[Pair]:
    """Start all of it, and remove it in the end."""
    with ExitStack() as stack:
        primary_cluster, shadow_cluster = (
            stack.enter_context(_started(setting, role, image)) for role in ("primary", "shadow")
        )
        for cluster in (primary_cluster, shadow_cluster):
            cluster.wait_active(_ACTIVE_S)
        primary, shadow = (
            stack.enter_context(closing(Elasticsearch([cluster.urls[0]], timeout=60)))
            for cluster in (primary_cluster, shadow_cluster)
        )
        shadow_proxy = stack.enter_context(
            setting.proxy("shadow", shadow_cluster.settings.network_nodes, env=PATIENT)
        )
        primary_proxy = stack.enter_context(
            setting.proxy(
                "primary",
                primary_cluster.settings.network_nodes,
                mirror_to=[shadow_proxy.inner_address],
                env=PATIENT,
            )
        )
        yield Pair(primary_cluster, shadow_cluster, primary, shadow, primary_proxy, shadow_proxy)


@contextmanager
def _started(setting: Setting, role: str, image: str) -> Iterator[Cluster]:
    cluster = Cluster(
        setting.engine,
        ClusterSettings(
            name=f"capture-test-{setting.session_id}-{role}-cluster",
            image=image,
            purpose=PURPOSE,
            network=setting.network,
        ),
    )
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.remove()
