"""The capture in S3: a proxy in its container, and AWS's API over HTTP on this machine (moto)."""

import json
import re
import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.load_client import run_load
from tests.integration.proxies import Proxy, RunProxy
from tests.integration.raw_client import RawClient, Request
from tests.integration.recording_server import LoopThread, RecordingServer
from tests.integration.rig import PATIENT, poll, status_of, unpacked, whole_log
from tests.s3_store import client, contents, moto_server

FILE_BYTES = 65536
REQUESTS = 1500
KEY_ID = "AKIAIOSFODNN7EXAMPLE"
SECRET = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY"
KEY = re.compile(r"traffic/cluster=primary/date=\d{4}-\d\d-\d\d/hour=\d\d/proxy-1-(\d{6,})(-\d+)?\.log\.zst")


@pytest.fixture
def loop_thread() -> Iterator[LoopThread]:
    with LoopThread() as thread:
        yield thread


@pytest.fixture
def node(loop_thread: LoopThread) -> Iterator[RecordingServer]:
    with RecordingServer(loop_thread) as server:
        yield server


@pytest.fixture
def bucket() -> str:
    """A bucket of the test's own: the store is one for all."""
    return f"captures-{secrets.token_hex(4)}"


@pytest.fixture
def port() -> Iterator[int]:
    """The port of a store that is there."""
    with moto_server(0, "0.0.0.0") as url:
        yield int(url.rpartition(":")[2])


@pytest.fixture
def s3(port: int, bucket: str) -> Any:
    made = client(f"http://127.0.0.1:{port}")
    made.create_bucket(Bucket=bucket)
    return made


def environment(bucket: str, port: int, **settings: str) -> dict[str, str]:
    return {
        "CAPTURE_S3_URL": f"s3://{bucket}/traffic",
        "CAPTURE_S3_ENDPOINT": f"http://host.docker.internal:{port}",
        "CAPTURE_OFFLOAD_REGION": "eu-central-1",
        "CAPTURE_S3_HOST": "proxy-1",
        "CAPTURE_S3_INTERVAL_S": "10",
        "CAPTURE_LOG_FILE_BYTES": str(FILE_BYTES),
        **PATIENT,
        **{f"CAPTURE_{name}": value for name, value in settings.items()},
    }


def give_credentials(proxy: Proxy) -> None:
    """As a user does, by the input of a command."""
    lines = f"AWS_ACCESS_KEY_ID={KEY_ID}\\nAWS_SECRET_ACCESS_KEY={SECRET}\\n"
    proxy.exec("sh", "-c", f"printf '{lines}' | capture-credentials")


def offload(proxy: Proxy) -> dict[str, Any]:
    """What ``capture-status`` tells of S3."""
    told: dict[str, Any] = (status_of(proxy)["offload"] or {}).get("s3", {})
    return told


def uploaded_lines(s3: Any, bucket: str) -> list[bytes]:
    """The lines of all objects, in the order of their numbers."""
    found = contents(s3, bucket)
    by_number = {}
    for key, content in found.items():
        match = KEY.fullmatch(key)
        assert match, key
        by_number[int(match[1])] = content
    assert len(by_number) == len(found)
    return [line for _, content in sorted(by_number.items()) for line in unpacked(content).splitlines()]


def send(proxy: Proxy, loop_thread: LoopThread, already: int = 0) -> None:
    """So many requests, until all are captured."""
    load = loop_thread.start(run_load(proxy.address, REQUESTS, 4)).result(120)
    assert load.errors == []
    poll("all to be captured", lambda: status_of(proxy)["captured"] == already + REQUESTS, 20, 0.1)


def until_uploaded(proxy: Proxy) -> None:
    """Until the log has been rotated by the clock, and all of it is in the store."""

    def done() -> bool:
        # In this order: what has gone from the log is waiting, or in the store. Between its old name and the new file there is none.
        if proxy.log_lines():
            return False
        told = offload(proxy)
        return bool(told.get("uploaded_files")) and told["waiting_files"] == 0

    poll("the upload", done, 60, 0.3)


def test_the_store_has_the_log_line_by_line_and_the_files_go(
    run_proxy: RunProxy, node: RecordingServer, loop_thread: LoopThread, s3: Any, bucket: str, port: int
) -> None:
    env = environment(bucket, port, S3_KEEP_LOCAL_BYTES=str(1 << 30))
    proxy = run_proxy("primary", [node.node], env=env)
    give_credentials(proxy)
    send(proxy, loop_thread)
    until_uploaded(proxy)
    local = whole_log(proxy)
    assert len(local) == REQUESTS
    assert uploaded_lines(s3, bucket) == local
    told = offload(proxy)
    assert told["error"] is None
    assert told["uploaded_files"] == len(contents(s3, bucket)) > 10
    assert told["uploaded_bytes"] == sum(map(len, contents(s3, bucket).values()))
    assert status_of(proxy)["removed_unsent"] == 0
    # Partitioned by the time of each file's first line.
    for key, content in contents(s3, bucket).items():
        began = json.loads(unpacked(content).partition(b"\n")[0])["startedDateTime"]
        assert f"/date={began[:10]}/hour={began[11:13]}/" in key
    assert SECRET not in proxy.logs()


def test_files_are_removed_once_they_are_in_the_store_and_numbers_go_on(
    run_proxy: RunProxy, node: RecordingServer, loop_thread: LoopThread, s3: Any, bucket: str, port: int
) -> None:
    proxy = run_proxy("primary", [node.node], env=environment(bucket, port))
    give_credentials(proxy)
    send(proxy, loop_thread)
    until_uploaded(proxy)

    def removed() -> bool:
        return re.search(r"log\.\d", proxy.exec("ls", "/var/log")) is None

    poll("the removal of what is in the store", removed, 30, 0.3)
    first = uploaded_lines(s3, bucket)
    assert len(first) == REQUESTS
    # A restart: memory and credentials are gone, the volume is not.
    assert proxy.stop() == 0
    proxy.container.start()
    proxy.container.wait_healthy(60)
    give_credentials(proxy)
    send(proxy, loop_thread)
    until_uploaded(proxy)
    both = uploaded_lines(s3, bucket)
    assert len(both) == 2 * REQUESTS
    assert both[:REQUESTS] == first


def test_a_container_killed_in_the_middle_of_an_upload_goes_on_with_it(
    run_proxy: RunProxy, node: RecordingServer, s3: Any, bucket: str, port: int
) -> None:
    env = environment(
        bucket,
        port,
        LOG_FILE_BYTES=str(1 << 30),
        LOG_TOTAL_BYTES=str(4 << 30),
        S3_BYTES_PER_S=str(4 << 20),
        S3_KEEP_LOCAL_BYTES=str(1 << 30),
        S3_INTERVAL_S="20",
    )
    proxy = run_proxy("primary", [node.node], env=env)
    with RawClient(proxy.address) as raw:
        # What does not compress: two and a half parts.
        for _ in range(2):
            body = secrets.token_bytes(10 << 20)
            assert raw.exchange(Request("POST", b"/i/_doc", body=body)).status == 200
    poll("the capture", lambda: status_of(proxy)["captured"] == 2, 60)
    give_credentials(proxy)

    def parts() -> int:
        begun = s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
        if not begun:
            return 0
        listed = s3.list_parts(Bucket=bucket, Key=begun[0]["Key"], UploadId=begun[0]["UploadId"])
        return len(listed.get("Parts", []))

    poll("a part", lambda: parts() >= 1, 60, 0.1)
    proxy.container.signal("KILL")
    proxy.container.wait_exit()
    assert contents(s3, bucket) == {}
    proxy.container.start()
    proxy.container.wait_healthy(60)
    give_credentials(proxy)
    until_uploaded(proxy)
    assert uploaded_lines(s3, bucket) == whole_log(proxy)
    # Resumed: not all of it was sent by this process.
    assert offload(proxy)["sent_bytes"] <= sum(map(len, contents(s3, bucket).values())) - (8 << 20)
    assert "is resumed" in proxy.logs()
    assert parts() == 0


def test_an_outage_of_the_store_loses_nothing(
    run_proxy: RunProxy, node: RecordingServer, loop_thread: LoopThread, bucket: str
) -> None:
    with moto_server(0, "0.0.0.0") as url:
        port = int(url.rpartition(":")[2])
        client(url).create_bucket(Bucket=bucket)
    # Nobody listens now.
    proxy = run_proxy("primary", [node.node], env=environment(bucket, port))
    give_credentials(proxy)
    send(proxy, loop_thread)
    poll("a word about it", lambda: "Could not connect" in str(offload(proxy).get("error")), 60, 0.3)
    told = offload(proxy)
    assert told["waiting_files"] > 10
    assert told["waiting_since"]
    assert told["error_since"]
    with moto_server(port, "0.0.0.0") as url:
        until_uploaded(proxy)
        assert len(uploaded_lines(client(url), bucket)) == REQUESTS
    assert offload(proxy)["error"] is None
    assert status_of(proxy)["removed_unsent"] == 0
    # Said rarely: not at each attempt.
    assert proxy.logs().count("Could not connect") < 8


def test_what_the_bound_costs_while_nothing_can_be_sent_is_counted_and_loud(
    run_proxy: RunProxy, node: RecordingServer, loop_thread: LoopThread, s3: Any, bucket: str, port: int
) -> None:
    env = environment("no-such-bucket-here", port, LOG_TOTAL_BYTES=str(3 * FILE_BYTES))
    proxy = run_proxy("primary", [node.node], env=env)
    give_credentials(proxy)
    send(proxy, loop_thread)
    poll("a removal", lambda: status_of(proxy)["removed_unsent"] > 0, 30, 0.3)
    assert "before it was offloaded" in proxy.logs()
    poll(
        "the store's words",
        lambda: str(offload(proxy).get("error")).startswith("NoSuchBucket: The specified bucket does not"),
        60,
        0.3,
    )
    # The client has not noticed, and neither has the capture.
    assert status_of(proxy)["capture_dropped"] == 0


def test_without_credentials_the_proxy_works_and_says_so(
    run_proxy: RunProxy, node: RecordingServer, loop_thread: LoopThread, s3: Any, bucket: str, port: int
) -> None:
    env = {**environment(bucket, port), "AWS_EC2_METADATA_DISABLED": "true"}
    proxy = run_proxy("primary", [node.node], env=env)
    send(proxy, loop_thread)
    poll(
        "a word about it",
        lambda: "Unable to locate credentials" in str(offload(proxy).get("error")),
        60,
        0.3,
    )
    give_credentials(proxy)
    until_uploaded(proxy)
    assert len(uploaded_lines(s3, bucket)) == REQUESTS
