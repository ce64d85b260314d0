"""A shadow that is away: its requests are kept, by the tee where they are large, and in the log directory when the primary's proxy stops meanwhile."""

from contextlib import ExitStack

from capture.engine import Engine
from tests.integration.content import content_of
from tests.integration.fidelity_bodies import KB, MB, text
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
                # All write the same document, so each waits for the one before.
                assert client.exchange(Request("PUT", b"/i/_doc/1", case=case, body=b"{}")).status == 200
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


def test_large_requests_are_kept_until_the_shadow_is_back(
    docker_engine: Engine, images: Images, network: str, session_id: str
) -> None:
    setting = Setting(docker_engine, images, network, session_id)
    # In memory there is room for 128 of them: what half of it holds is offered from there, and all others from the spool.
    env = {"CAPTURE_TEE_MEMORY_BYTES": str(16 * MB), "CAPTURE_SPOOL_BYTES": str(64 * MB)}
    # Their answers are short, and wait with them.
    requests = [
        Request("POST", b"/_bulk", case=case, body=text(100 * KB), answer="size=8000")
        for case in (new_case() for _ in range(300))
    ]
    with ExitStack() as stack:
        thread = stack.enter_context(LoopThread())
        node, shadow = (stack.enter_context(RecordingServer(thread)) for _ in range(2))
        shadow.refuse()
        primary = stack.enter_context(setting.proxy("primary", [node.node], mirror_to=[shadow.node], env=env))
        with RawClient(primary.address) as client:
            for request in requests:
                assert client.exchange(request).status == 200
        poll("all to wait", lambda: status_of(primary)["waiting_for_shadow"] == len(requests), 20)
        status = status_of(primary)
        assert status["tee"]["spool_bytes"] > 25 * MB
        # HAProxy's health check may be under way.
        poll("no other", lambda: status_of(primary)["tee"]["waiting_for_agent"] == len(requests))
        assert not any(shadow.by_case(request.case) for request in requests)

        shadow.listen()
        poll("their answers", lambda: status_of(primary)["mirrored"] == len(requests), 30)
        cases = {request.case for request in requests}
        assert [one.case for one in shadow.requests if one.case in cases] == [one.case for one in requests]
        for request in requests:
            (arrived,) = shadow.by_case(request.case)
            assert arrived.content == content_of(request.body)
        poll("the tee's room", lambda: status_of(primary)["tee"]["waiting_for_agent"] == 0)
        status = status_of(primary)
        # HAProxy's health check may be under way.
        assert status["tee"]["memory_bytes"] < 100 * KB
        assert status["tee"]["spool_bytes"] == 0
        assert status["tee"]["copies_given_up"] == status["not_mirrored_truncated"] == 0
        assert status["copies_missing"] == status["copies_unclaimed"] == status["order_given_up"] == 0
