"""Everything that a demo starts, in the order in which it tells of it."""

import os
import shlex
from contextlib import ExitStack

from capture.base_image import ensure_base_image
from capture.cluster import Cluster, ClusterSettings
from capture.console import Verbosity
from capture.container import Container, ContainerSettings
from capture.demo.interruptions import Interruptions
from capture.demo.offload import OffloadWatch, demo_offload
from capture.demo.plan import INTERNAL_PORT, Plan, Side
from capture.demo.proxy_images import ProxyImages
from capture.demo.settings import DemoSettings
from capture.demo.transcript import Transcript
from capture.elasticsearch_image import ensure_elasticsearch_image
from capture.engine import Engine
from capture.versions import BASE_IMAGE

_HEALTHY_S = 60


class Stage:
    """A demo as far as it has been set up."""

    def __init__(
        self,
        engine: Engine,
        plan: Plan,
        settings: DemoSettings,
        transcript: Transcript,
        interruptions: Interruptions,
    ) -> None:
        self.engine = engine
        self.plan = plan
        self.clusters: dict[str, Cluster] = {}
        """Role -> cluster; those whose start was begun."""
        self.proxies: dict[str, Container] = {}
        """Role -> container; those that were started."""
        self.offload: OffloadWatch | None = None
        """The primary's offload, where there is one."""
        self.complete = False
        """Whether everything is there, so that requests may be under way."""
        self._settings = settings
        self._transcript = transcript
        self._interruptions = interruptions

    def set_up(self) -> None:
        """Start both clusters and both proxies.

        All nodes start at the same time, and the proxies' images are built meanwhile; what is told keeps its order.

        Raises:
            UserError: a step failed; what was started is then in `clusters` and `proxies`.
        """
        transcript = self._transcript
        transcript.result("Creating primary cluster...")
        with transcript.during("getting the base image"):
            ensure_base_image(self.engine, BASE_IMAGE, transcript)
        with ExitStack() as stack:
            with self._interruptions.held():
                images = stack.enter_context(
                    ProxyImages(
                        self.plan.build_command,
                        transcript.progress,
                        verbose=transcript.verbosity is Verbosity.VERBOSE,
                    )
                )
            self._start_clusters()
            self._await_active(self.plan.primary)
            images.check()
            transcript.result("Creating shadow cluster...")
            transcript.progress("  its nodes were started together with the primary's")
            self._await_active(self.plan.shadow)
            self._follow(images)
        self._start_proxies()

    def _start_clusters(self) -> None:
        with self._transcript.during("getting the Elasticsearch image"):
            image = ensure_elasticsearch_image(self.engine, self._transcript)
        for side in self.plan.sides:
            cluster = Cluster(
                self.engine,
                ClusterSettings(
                    name=side.cluster,
                    image=image,
                    purpose=self.plan.purpose,
                    nodes=self._settings.nodes,
                    heap=f"{self._settings.heap_mib}m",
                    first_host_port=side.node_ports[0],
                ),
            )
            self.clusters[side.role] = cluster
            with self._interruptions.held():
                cluster.start()
            self._transcript.progress(f"  started: {', '.join(side.nodes)}")

    def _await_active(self, side: Side) -> None:
        wait_s = self._settings.wait_s
        self._transcript.result(f"Waiting up to {wait_s} sec for cluster to be active...")
        with self._transcript.during(f"{side.cluster} is to become active"):
            self.clusters[side.role].wait_active(
                wait_s, lambda words: self._transcript.progress(f"  {side.cluster}: {words}")
            )
        self._transcript.result(f"Cluster {side.cluster} is active")

    def _follow(self, images: ProxyImages) -> None:
        transcript = self._transcript
        transcript.result("Building HAProxy Docker images for Primary and Shadow HAProxy containers...")
        transcript.result(f"Executing command to build Docker images: {shlex.join(self.plan.build_command)}")
        transcript.progress("  it has been running while the clusters started")
        with transcript.during("the images are being built"):
            images.follow(lambda line: transcript.result(f"Subshell> {line}"))

    def _start_proxies(self) -> None:
        offload = demo_offload(os.environ, self._transcript)
        for side in reversed(self.plan.sides):
            self._transcript.result(f"Starting HAProxy container for {side.role.capitalize()} Cluster...")
            with self._interruptions.held():
                self.proxies[side.role] = self.engine.run(
                    ContainerSettings(
                        image=side.proxy,
                        purpose=self.plan.purpose,
                        name=side.proxy,
                        publish_at={INTERNAL_PORT: side.proxy_port},
                        environment=offload.environment if offload and side is self.plan.primary else {},
                    )
                )
        for proxy in self.proxies.values():
            with self._transcript.during(f"{proxy.name} is to become healthy"):
                proxy.wait_healthy(_HEALTHY_S)
        if offload is not None:
            self.offload = OffloadWatch(self.proxies["primary"], self._transcript)
            self.offload.begin(offload.credentials)
        self.complete = True
