"""Who may say which of the primary's records a request to the shadow belongs to: the mirror alone, who has the key."""

import dataclasses
import json
import uuid
from collections.abc import Iterator

import pytest

from capture.engine import Engine
from tests.integration.fidelity_bodies import MB, text
from tests.integration.proxies import Images, Proxy
from tests.integration.raw_client import Answer, RawClient, Request, new_case
from tests.integration.rig import PATIENT, Entry, Rig, Setting, entries_of, open_rig, poll, status_of

KEY = "integration-test-key-1"
OTHER_KEY = "integration-test-key-2"


@pytest.fixture(scope="module")
def rig(docker_engine: Engine, images: Images, network: str, session_id: str) -> Iterator[Rig]:
    setting = Setting(docker_engine, images, network, session_id)
    with open_rig(setting, env={"CAPTURE_MIRROR_KEY": KEY, **PATIENT}) as rig:
        yield rig


# One for each way that the shadow's agent is told of a request: in a line, as a line of its own when there is no answer, by a copy.
REQUESTS = {
    "line": Request("POST", b"/i/_doc", body=b"{}"),
    "shown-answer": Request("GET", b"/i/_search", answer="size=30000"),
    "vanished": Request("POST", b"/i/_doc", body=b"{}", answer="vanish=1"),
    "tee": Request("POST", b"/i/_doc", body=text(MB)),
    "whole-answer": Request("POST", b"/_bulk", body=b"{}"),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_a_mirrored_request_has_the_primarys_identifier_and_its_node_sees_none_of_it(
    rig: Rig, name: str
) -> None:
    own = (b"X-Capture-Id: forged", b"X-Capture-Key: guessed")
    request = dataclasses.replace(REQUESTS[name], lines=own, case=new_case())
    with RawClient(rig.primary.address) as client:
        client.exchange(request)
    (primary,), (shadow,) = rig.entries(request.case)
    assert primary["_id"] == shadow["_id"]
    assert "_repeated" not in shadow
    # Of a client's own fields the primary's nodes get what they would get without us.
    for at_node in rig.primary_node.by_case(request.case):
        assert (at_node.values("x-capture-id"), at_node.values("x-capture-key")) == (
            [b"forged"],
            [b"guessed"],
        )
    assert rig.shadow_node.by_case(request.case)
    for at_node in rig.shadow_node.by_case(request.case):
        assert (at_node.values("x-capture-id"), at_node.values("x-capture-key")) == ([], [])
    assert not {"x-capture-id", "x-capture-key"} & names_of(shadow)
    assert status_of(rig.primary)["mirror_key_refused"] == 0


def names_of(entry: Entry) -> set[str]:
    """Of the fields of a request and of its answer."""
    return {field["name"] for part in ("request", "response") for field in entry[part]["headers"]}


IDENTIFIER = str(uuid.uuid4())


@pytest.mark.parametrize("name", REQUESTS)
@pytest.mark.parametrize(
    "lines",
    [
        pytest.param([f"X-Capture-Id: {IDENTIFIER}"], id="no-key"),
        pytest.param([f"X-Capture-Id: {IDENTIFIER}", f"X-Capture-Key: {OTHER_KEY}"], id="another-key"),
        pytest.param([f"X-Capture-Id: {IDENTIFIER}", f"X-Capture-Key: {KEY}x"], id="longer-key"),
        pytest.param(["X-Capture-Id: forged", f"X-Capture-Key: {KEY}"], id="no-uuid"),
        pytest.param([f"X-Capture-Id: {IDENTIFIER.upper()}", f"X-Capture-Key: {KEY}"], id="capitals"),
        pytest.param([f"X-Capture-Id: {IDENTIFIER}"] * 2 + [f"X-Capture-Key: {KEY}"], id="two"),
    ],
)
def test_nobody_else_is_believed_and_everybody_is_served(rig: Rig, name: str, lines: list[str]) -> None:
    entry, answer = ask_shadow(rig, name, lines)
    assert entry["_id"] not in (IDENTIFIER, IDENTIFIER.upper(), "forged")
    assert uuid.UUID(entry["_id"]).version == 4
    assert answer.value("x-capture-key") == (None if name == "vanished" and not answer.head else "refused")


def ask_shadow(rig: Rig, name: str, lines: list[str]) -> tuple[Entry, Answer]:
    """Send a request straight to the shadow's proxy: its entry and its answer. Neither log nor node has the two fields."""
    request = dataclasses.replace(REQUESTS[name], lines=[line.encode() for line in lines], case=new_case())
    with RawClient(rig.shadow.address) as client:
        answer = client.exchange(request)
    (entry,) = poll("the entry", lambda: entries_of(rig.shadow, request.case) or None)
    ours = ("x-capture-id", "x-capture-key", "x-capture-repeated")
    assert not set(ours) & names_of(entry)
    at_node = rig.shadow_node.by_case(request.case)
    assert at_node
    assert not [one.values(field) for one in at_node for field in ours if one.values(field)]
    return entry, answer


def test_who_is_not_believed_is_counted_and_said(rig: Rig) -> None:
    before = status_of(rig.shadow)["untrusted_capture_ids"]
    ask_shadow(rig, "line", [f"X-Capture-Id: {IDENTIFIER}"])
    ask_shadow(rig, "line", [])
    poll("the counter", lambda: status_of(rig.shadow)["untrusted_capture_ids"] == before + 1)
    assert "without this proxy's key" in rig.shadow.logs()


@pytest.mark.parametrize("name", REQUESTS)
def test_an_identifier_that_comes_again_is_marked(rig: Rig, name: str) -> None:
    identifier = str(uuid.uuid4())
    before = status_of(rig.shadow)["repeated_capture_ids"]
    lines = [f"X-Capture-Key: {KEY}", f"X-Capture-Id: {identifier}"]
    (first, answer), (second, _) = ask_shadow(rig, name, lines), ask_shadow(rig, name, lines)
    assert (first["_id"], second["_id"]) == (identifier, identifier)
    assert "_repeated" not in first
    assert second["_repeated"] is True
    assert answer.value("x-capture-key") is None
    poll("the counter", lambda: status_of(rig.shadow)["repeated_capture_ids"] == before + 1)


@pytest.mark.parametrize("name", REQUESTS)
def test_what_its_mirror_may_have_sent_before_is_marked_and_nobody_else_can_say_so(
    rig: Rig, name: str
) -> None:
    identifier = str(uuid.uuid4())
    again = "X-Capture-Repeated: perhaps"
    said, _ = ask_shadow(rig, name, [f"X-Capture-Key: {KEY}", f"X-Capture-Id: {identifier}", again])
    assert (said["_id"], said["_repeated"]) == (identifier, "perhaps")
    for lines in ([again], [f"X-Capture-Id: {identifier}", again]):
        assert "_repeated" not in ask_shadow(rig, name, lines)[0]


def test_proxies_with_different_keys_lose_no_request_and_both_say_so(
    docker_engine: Engine, images: Images, network: str, session_id: str
) -> None:
    setting = Setting(docker_engine, images, network, session_id)
    env, shadow_env = ({"CAPTURE_MIRROR_KEY": key, **PATIENT} for key in (KEY, OTHER_KEY))
    with open_rig(setting, env=env, shadow_env=shadow_env) as rig:
        requests = [dataclasses.replace(request, case=new_case()) for request in REQUESTS.values()]
        for request in requests:
            with RawClient(rig.primary.address) as client:
                client.exchange(request)
        for request in requests:
            (primary,), (shadow,) = rig.entries(request.case)
            assert primary["_id"] != shadow["_id"]
            assert (
                len(rig.shadow_node.by_case(request.case)) == len(rig.primary_node.by_case(request.case)) == 1
            )
        count = len(requests)
        poll("the shadow's counter", lambda: status_of(rig.shadow)["untrusted_capture_ids"] == count)
        # One had no answer that could say so.
        assert status_of(rig.primary)["mirror_key_refused"] in (count - 1, count)
        assert "does not know our key" in rig.primary.logs()
        assert "without this proxy's key" in rig.shadow.logs()
        for proxy in (rig.primary, rig.shadow):
            assert not [place for place in shown_by(proxy) if "integration-test-key" in place]


# Of the services: this command itself has what `docker exec` gives it.
_ENVIRONMENTS = """
for process in /proc/[0-9]*; do
    if grep -Eqx "s6-svscan|s6-supervise|haproxy|python3" "$process/comm"; then tr '\\0' '\\n' < "$process/environ"; fi
done
"""


def shown_by(proxy: Proxy) -> list[str]:
    """What others are shown of a proxy: logs, counters, and what its processes are started with."""
    environments = proxy.exec("sh", "-c", _ENVIRONMENTS)
    assert "CAPTURE_RUNTIME_DIR=" in environments
    log = b"\n".join(proxy.log_lines()).decode()
    return [proxy.logs(), json.dumps(status_of(proxy)), log, environments]


def test_what_the_build_made_is_enough(
    docker_engine: Engine, images: Images, network: str, session_id: str
) -> None:
    with open_rig(Setting(docker_engine, images, network, session_id), env=PATIENT) as rig:
        request = Request("POST", b"/i/_doc", body=b"{}")
        with RawClient(rig.primary.address) as client:
            assert client.exchange(request).status == 200
        (primary,), (shadow,) = rig.entries(request.case)
        assert primary["_id"] == shadow["_id"]
        key = rig.primary.read_file("/etc/cluster-traffic-capture/mirror.key")
        assert key == rig.shadow.read_file("/etc/cluster-traffic-capture/mirror.key")
        assert len(key.strip()) == 43
        # Whoever sees the image's description, not its files, does not see the key.
        for image in (images.primary, images.shadow):
            assert key.decode().strip() not in json.dumps(docker_engine.inspect_image(image))
