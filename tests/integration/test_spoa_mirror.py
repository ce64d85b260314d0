"""``--mirror-agent spoa-mirror``: the user's program is in the image, supervised and fed; the capture stays ours.

The real program can't be had on every machine. This one has its options (spoa-mirror's README, "Use of the program"), speaks SPOP, and
prints what it is shown.
"""

import secrets
from pathlib import Path

import pytest

from capture.container import ContainerSettings
from capture.engine import Engine
from capture.images import build_images
from capture.settings import BuildSettings
from haproxy_config.nodes import parse_nodes
from tests.integration.proxies import INTERNAL_PORT, PURPOSE, Proxy
from tests.integration.raw_client import RawClient, Request, new_case
from tests.integration.recording_server import LoopThread, RecordingServer
from tests.integration.rig import entries_of, poll, status_of

PROGRAM = """#!/usr/bin/python3
import argparse, socket, sys, threading

sys.path.insert(0, "/opt/cluster-traffic-capture")
from agent.spop.connection import Connection

options = argparse.ArgumentParser()
options.add_argument("-r", "--runtime", required=True)
options.add_argument("-a", "--address", default="0.0.0.0")
options.add_argument("-p", "--port", type=int, default=12345)
options.add_argument("-m", "--max-frame-size", type=int, default=16384)
options.add_argument("-c", "--capability", action="append")
options.add_argument("-u", "--mirror-url")
given = options.parse_args()
print("mirrors to", given.mirror_url, flush=True)

def serve(peer):
    connection = Connection(given.max_frame_size)
    while data := peer.recv(1 << 17):
        received = connection.receive(data)
        peer.sendall(received.reply)
        for message in received.messages:
            name, (method, path, version, headers, body) = message.decode()
            print("shown", name.decode(), method.decode(), path.decode(), version.decode(), len(body or b""), flush=True)
        if received.close:
            return peer.close()

listener = socket.create_server((given.address, given.port))
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
"""


@pytest.mark.timeout(300)
def test_the_users_program_mirrors_and_we_capture(
    docker_engine: Engine, network: str, session_id: str, tmp_path: Path
) -> None:
    program = tmp_path / "spoa-mirror"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    image = f"capture-test-{session_id}-spoa"
    case, large = new_case(), b"x" * 40_000
    with LoopThread() as thread, RecordingServer(thread) as node:
        try:
            build_images(
                BuildSettings(
                    primary_image=image,
                    primary_nodes=parse_nodes([node.node]),
                    shadow_image=f"{image}-shadow",
                    shadow_nodes=parse_nodes(["shadow-node.invalid:9200"]),
                    shadow_haproxy=parse_nodes(["shadow-haproxy.invalid:81"]),
                    internal_port=INTERNAL_PORT,
                    workspace=tmp_path / "workspace",
                    mirror_agent="spoa-mirror",
                    spoa_mirror_binary=program,
                ),
                engine=docker_engine,
            )
            container = docker_engine.run(
                ContainerSettings(
                    image=image,
                    purpose=PURPOSE,
                    name=f"capture-test-{session_id}-spoa-{secrets.token_hex(3)}",
                    network=network,
                    publish=(INTERNAL_PORT,),
                )
            )
            try:
                container.wait_healthy()
                primary = Proxy(container)
                poll("the program", lambda: "mirrors to http://shadow-haproxy.invalid:81\n" in primary.logs())
                with RawClient(primary.address) as client:
                    request = Request("POST", b"/i/_search?q=1", case=case, body=large)
                    # Its check must have passed before HAProxy shows it anything.
                    poll(
                        "the filter",
                        lambda: client.exchange(request).status == 200 and "shown" in primary.logs(),
                    )
                assert "shown mirror POST /i/_search?q=1 1.1 40000" in primary.logs()
                entries = poll("the capture", lambda: entries_of(primary, case) or None)
                assert entries[0]["request"]["postData"]["text"] == large.decode()
                assert "_mirror" not in entries[0]
                assert status_of(primary)["mirrored"] == 0
            finally:
                container.remove()
        finally:
            docker_engine.remove_image(image)
            docker_engine.remove_image(f"{image}-shadow")
