"""A shadow that is away when the primary's proxy stops: its requests are kept in the log directory for the next start."""

from contextlib import ExitStack

from capture.engine import Engine
from tests.integration.proxies import Images, Proxy
from tests.integration.raw_client import RawClient, Request, new_case
from tests.integration.recording_server import LoopThread, RecordingServer
from tests.integration.rig import (
    Setting,
    agent_pid,
    await_new_agent,
    poll,
    signal_agent,
    status_of,
)


def kept_files(proxy: Proxy) -> list[tuple[str, str, str]]:
    """Mode, owner and path of the files with requests for the shadow."""
    lines = proxy.exec("sh", "-c", "ls -l /var/log/*unsent* 2>/dev/null || true").splitlines()
    return [(words[0], words[2], words[-1]) for words in map(str.split, lines)]


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
        # They hold what the log leaves out, and survive an agent that is killed before the shadow has had them.
        assert kept_files(primary) == [("-rw-------", "capture", "/var/log/haproxy-traffic.log.unsent.taken")]
        agent = agent_pid(primary)
        signal_agent(primary, "KILL")
        await_new_agent(primary, agent)

        shadow.listen()
        poll("all to arrive", lambda: all(shadow.by_case(case) for case in cases))
        arrived = [request for request in shadow.requests if request.case in cases]
        assert [request.case for request in arrived] == cases
        assert [request.values("x-capture-repeated") for request in arrived] == [[b"perhaps"]] * len(cases)
        poll("the file to go", lambda: not kept_files(primary))
        poll("their answers", lambda: status_of(primary)["mirrored"] == len(cases))
        # The agent of the restart has nothing left, and says so.
        assert primary.stop() == 0
        assert primary.logs().count("kept for the next start") == 1
