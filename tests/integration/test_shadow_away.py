"""A shadow that is away when the primary's proxy stops: its requests are kept in the log directory for the next start."""

from contextlib import ExitStack

from capture.engine import Engine
from tests.integration.proxies import Images
from tests.integration.raw_client import RawClient, Request, new_case
from tests.integration.recording_server import LoopThread, RecordingServer
from tests.integration.rig import Setting, poll, status_of


def test_what_was_not_mirrored_is_mirrored_after_a_restart(
    docker_engine: Engine, images: Images, network: str, session_id: str
) -> None:
    setting = Setting(docker_engine, images, network, session_id)
    cases = [new_case() for _ in range(20)]
    with ExitStack() as stack:
        thread = stack.enter_context(LoopThread())
        node, shadow = (stack.enter_context(RecordingServer(thread)) for _ in range(2))
        # The mirror sends straight to the second server: what matters is what arrives there, and in which order.
        shadow.refuse()
        primary = stack.enter_context(
            setting.proxy("primary", [node.node], mirror_to=[shadow.node], env={"CAPTURE_DRAIN_S": "1"})
        )
        with RawClient(primary.address) as client:
            for case in cases:
                assert client.exchange(Request("POST", b"/i/_doc", case=case, body=b"{}")).status == 200
        poll("all to wait", lambda: status_of(primary)["waiting_for_shadow"] == len(cases))
        assert primary.stop() == 0
        primary.container.start()
        primary.container.wait_healthy()
        assert "20 requests are not mirrored yet, kept for the next start" in primary.logs()
        assert not any(shadow.by_case(case) for case in cases)

        shadow.listen()
        poll("all to arrive", lambda: all(shadow.by_case(case) for case in cases))
        assert [request.case for request in shadow.requests if request.case in cases] == cases
        poll("their answers", lambda: status_of(primary)["mirrored"] == len(cases))
        # The agent of the restart has nothing left, and says so.
        assert primary.stop() == 0
        assert primary.logs().count("kept for the next start") == 1
