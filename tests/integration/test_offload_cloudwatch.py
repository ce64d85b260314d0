"""The capture in CloudWatch Logs: every line once, whatever is restarted or away, and the credentials nowhere else.

Amazon's CloudWatch Agent is stood in for by `stand_ins/amazon-cloudwatch-agent`; docs/offload.md says how to try the real one.
"""

import contextlib
import http.client
import json
import random
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from capture.container import Container
from capture.engine import Engine
from capture.images import build_images
from capture.settings import BuildSettings
from haproxy_config.nodes import parse_nodes
from tests.har import read_line, request_body
from tests.integration.aws_service import KEY_ID, REGION, AwsService
from tests.integration.cloudwatch_package import stand_in_package
from tests.integration.proxies import INTERNAL_PORT, Images, Proxy
from tests.integration.recording_server import LoopThread, RecordingServer
from tests.integration.rig import Setting, poll, process_id, status_of, whole_log

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
TOKEN = "FwoGZXIvYXdzEJr//////////wEaDASECRETSESSIONTOKEN=="
GROUP = "/cluster-traffic-capture/primary"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A .deb with the stand-in in it."""
    return stand_in_package(tmp_path_factory.mktemp("package"))


@pytest.fixture(scope="module")
def with_agent(
    docker_engine: Engine, session_id: str, package: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Images]:
    """An image of the primary that carries the agent."""
    name = f"capture-test-{session_id}-cloudwatch"
    workspace = tmp_path_factory.mktemp("cloudwatch") / "workspace"
    try:
        build_images(
            BuildSettings(
                primary_image=name,
                primary_nodes=parse_nodes(["primary-node.invalid:9200"]),
                internal_port=INTERNAL_PORT,
                workspace=workspace,
                cloudwatch_agent=str(package),
            ),
            engine=docker_engine,
        )
        yield Images(name, name, workspace)
    finally:
        docker_engine.remove_image(name)


@pytest.fixture
def service() -> Iterator[AwsService]:
    with AwsService() as service:
        yield service


@pytest.fixture
def node() -> Iterator[RecordingServer]:
    with LoopThread() as thread, RecordingServer(thread) as node:
        yield node


class Offload:
    """A proxy that offloads, in front of a node."""

    def __init__(self, proxy: Proxy, service: AwsService) -> None:
        self.proxy = proxy
        self._service = service

    @property
    def container(self) -> Container:
        return self.proxy.container

    def status(self) -> dict[str, Any]:
        told: dict[str, Any] = status_of(self.proxy)["offload"]["cloudwatch"]
        return told

    def hand_over(self, key_id: str = KEY_ID, token: str = "") -> str:
        lines = f"AWS_ACCESS_KEY_ID={key_id}\nAWS_SECRET_ACCESS_KEY={SECRET}\n"
        if token:
            lines += f"AWS_SESSION_TOKEN={token}\n"
        executed = self.container.exec_with_input(lines.encode(), "capture-credentials")
        assert executed.exit_code == 0, executed.output
        return executed.output

    def send(self, count: int = 1, body: bytes = b'{"a": 1}') -> None:
        connection = http.client.HTTPConnection(*self.proxy.address, timeout=30)
        for _ in range(count):
            connection.request("POST", "/index/_doc", body, {"content-type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200
        connection.close()

    def logged(self) -> list[bytes]:
        while True:
            # A file that is compressed just now has another name.
            with contextlib.suppress(FileNotFoundError):
                return whole_log(self.proxy)

    def await_sent(self, count: int) -> list[str]:
        """All events, once the service has so many, and the log no more."""

        def look() -> list[str] | None:
            sent = self._service.log_messages(GROUP)
            return sent if len(sent) >= max(count, len(self.logged())) else None

        return poll(f"{count} lines in CloudWatch Logs", look, 60, 0.3)

    def await_error(self, words: str) -> dict[str, Any]:
        """The status, once it tells of this."""

        def look() -> dict[str, Any] | None:
            told = self.status()
            return told if told["error"] == words else None

        return poll(f"the words {words}", look, 30)

    def kill(self, name: str) -> None:
        self.proxy.exec("sh", "-c", f"kill -9 {process_id(self.proxy, name)}")


@contextlib.contextmanager
def offload(
    setting: Setting,
    node: RecordingServer,
    service: AwsService,
    env: Mapping[str, str] | None = None,
    **changes: Any,
) -> Iterator[Offload]:
    environment = {
        "CAPTURE_OFFLOAD": "cloudwatch",
        "CAPTURE_OFFLOAD_REGION": REGION,
        "CAPTURE_CLOUDWATCH_ENDPOINT": service.endpoint,
        "CAPTURE_CLOUDWATCH_FLUSH_S": "1",
        **(env or {}),
    }
    with setting.proxy("primary", [node.node], env=environment, **changes) as proxy:
        yield Offload(proxy, service)


@pytest.fixture
def setting(docker_engine: Engine, with_agent: Images, network: str, session_id: str) -> Setting:
    return Setting(docker_engine, with_agent, network, session_id)


def test_every_line_of_the_log_arrives_and_long_ones_shortened(
    setting: Setting, node: RecordingServer, service: AwsService
) -> None:
    long = random.Random(7).randbytes(700_000)
    with offload(setting, node, service, {"CAPTURE_CLOUDWATCH_RETENTION_DAYS": "30"}) as primary:
        assert "readable by the offload alone" in primary.hand_over()
        primary.send(300)
        primary.send(2, long)
        sent = primary.await_sent(302)
        logged = [line.decode() for line in primary.logged()]
        short = [line for line in logged if len(line.encode()) <= 262_000]
        assert len(short) == 300
        assert sorted(line for line in sent if line in set(short)) == sorted(short)
        shortened = [line for line in sent if line not in set(short)]
        assert len(shortened) == 2
        for line in shortened:
            assert 200_000 < len(line.encode()) <= 262_000
            entry = read_line(line.encode() + b"\n")
            assert entry["_abridged"] == ["request"]
            assert entry["request"]["postData"]["_size"] == len(long)
            assert long.startswith(request_body(entry))
        (group,) = service.client("logs").describe_log_groups()["logGroups"]
        assert (group["logGroupName"], group["retentionInDays"]) == (GROUP, 30)
        told = poll("the status", lambda: primary.status() if not primary.status()["waiting_bytes"] else None)
        assert (told["sent_lines"], told["shortened_lines"], told["lost_files"]) == (302, 2, 0)
        assert told["error"] is None


def test_restarts_kills_and_an_outage_lose_and_double_nothing(
    setting: Setting, node: RecordingServer, service: AwsService
) -> None:
    small = {"CAPTURE_LOG_FILE_BYTES": "70000", "CAPTURE_LOG_TOTAL_BYTES": "100000000"}
    with offload(setting, node, service, small, volumes=("/var/log",)) as primary:
        primary.hand_over()
        primary.send(200)
        primary.await_sent(200)
        service.refusal = (503, "ServiceUnavailable", "Please try again later")
        primary.send(200)
        primary.await_error("ServiceUnavailable: Please try again later")
        primary.kill("offload")
        primary.send(100)
        primary.kill("offload.cloudwatch_agent")
        primary.send(100)
        service.refusal = None
        sent = primary.await_sent(600)
        assert sorted(sent) == sorted(line.decode() for line in primary.logged())
        poll("the end of the trouble", lambda: primary.status()["error"] is None)
        primary.send(50)
        primary.container.stop()
        primary.container.start()
        primary.container.wait_healthy()
        # They are gone with the container's memory.
        primary.hand_over()
        primary.send(50)
        sent = primary.await_sent(700)
        assert sorted(sent) == sorted(line.decode() for line in primary.logged())
        assert len(sent) == 700


def test_refused_credentials_are_told_and_renewed_without_a_restart(
    setting: Setting, node: RecordingServer, service: AwsService
) -> None:
    with offload(setting, node, service) as primary:
        primary.send(20)
        primary.hand_over("AKIAWRONGWRONGWRONG0")
        told = primary.await_error(
            "UnrecognizedClientException: The security token included in the request is invalid."
        )
        assert told["failures"] > 0
        assert told["error_since"]
        # The proxy goes on, and nothing is lost.
        primary.send(20)
        primary.hand_over(token=TOKEN)
        assert len(primary.await_sent(40)) == 40
        poll("the end of the trouble", lambda: primary.status()["error"] is None)
        assert {token for _, key, token in service.calls if key == KEY_ID} == {TOKEN, ""}


def test_a_wrong_region_is_told(setting: Setting, node: RecordingServer, service: AwsService) -> None:
    with offload(setting, node, service, {"CAPTURE_OFFLOAD_REGION": "us-gov-west-1"}) as primary:
        primary.hand_over()
        primary.send(1)
        primary.await_error("AccessDeniedException: not authorized in us-gov-west-1")


def test_no_region_at_all(setting: Setting, node: RecordingServer, service: AwsService) -> None:
    with offload(setting, node, service, {"CAPTURE_OFFLOAD_REGION": ""}) as primary:
        primary.hand_over()
        poll("the reason", lambda: "no AWS region is set" in (primary.status()["error"] or ""), 30)


def test_the_region_may_come_as_awss_own_variable(
    setting: Setting, node: RecordingServer, service: AwsService
) -> None:
    env = {"CAPTURE_OFFLOAD_REGION": "", "AWS_DEFAULT_REGION": REGION}
    with offload(setting, node, service, env) as primary:
        primary.hand_over()
        primary.send(3)
        assert len(primary.await_sent(3)) == 3


def test_the_credentials_are_nowhere_else(
    setting: Setting, node: RecordingServer, service: AwsService, docker_engine: Engine
) -> None:
    with offload(setting, node, service) as primary:
        output = primary.hand_over(token=TOKEN)
        primary.send(10)
        primary.await_sent(10)
        primary.send(1)
        service.refusal = (
            400,
            "InvalidSignatureException",
            f"does not match.\n\nx-amz-security-token:{TOKEN}",
        )
        poll("the refusal", lambda: primary.status()["error"])
        places = {
            "the command's output": output,
            "the status": primary.proxy.exec("capture-status"),
            "docker logs": primary.proxy.logs(),
            "the capture log": b"".join(primary.logged()).decode(),
            "docker inspect": json.dumps(docker_engine.inspect(primary.container.name)),
            "the image": json.dumps(docker_engine.inspect_image(setting.images.primary)),
            "what the proxy's user can read": primary.proxy.exec("sh", "-c", _READABLE),
            "the file system": primary.proxy.exec("sh", "-c", _CHANGED),
            "the status of files": primary.proxy.exec(
                "sh", "-c", "ls -ld /dev/shm/offload; ls /dev/shm/offload; true"
            ),
        }
        assert places["what the proxy's user can read"].count("python3") > 2
        assert "haproxy-traffic.offload/cloudwatch" in places["the file system"]
        for place, text in places.items():
            for secret in (SECRET, TOKEN):
                assert secret not in text, place
        assert "Permission denied" in primary.proxy.exec(
            "sh", "-c", "cat /dev/shm/offload/credentials 2>&1; true"
        )
        assert places["the status of files"].startswith("drwx------ 3 offload capture")
        # The search finds it where it is.
        everything = primary.container.exec(
            "sh", "-c", f"{_READABLE} {_CHANGED} cat /dev/shm/offload/credentials", user="0"
        )
        assert SECRET in everything.output


# Command lines and environments of all processes, as far as the asker may read them.
_READABLE = 'for p in /proc/[0-9]*; do tr "\\0" "\\n" < $p/cmdline; tr "\\0" "\\n" < $p/environ; done 2>/dev/null; true;'

# Everything that is not the image's, and everything in memory.
_CHANGED = (
    "find /var/log /run /tmp /dev/shm /home /etc/cluster-traffic-capture -type f 2>/dev/null"
    " | while read -r f; do echo $f; cat $f 2>/dev/null; done; true;"
)


def test_an_image_without_the_agent_says_so(
    docker_engine: Engine,
    images: Images,
    network: str,
    session_id: str,
    node: RecordingServer,
    service: AwsService,
) -> None:
    setting = Setting(docker_engine, images, network, session_id)
    with offload(setting, node, service) as primary:
        primary.hand_over()
        primary.send(5)
        poll("the reason", lambda: "carries no CloudWatch Agent" in (primary.status()["error"] or ""), 30)
        assert len(primary.logged()) == 5


def test_no_new_privileges_costs_the_user_of_its_own_and_nothing_else(
    setting: Setting, node: RecordingServer, service: AwsService
) -> None:
    with offload(
        setting, node, service, security=("no-new-privileges",), read_only=True, volumes=("/var/log",)
    ) as primary:
        assert "and the proxy" in primary.hand_over()
        primary.send(5)
        assert len(primary.await_sent(5)) == 5
        assert status_of(primary.proxy)["offload"]["own_user"] is False
        assert "the proxy's own user" in primary.proxy.logs()


def test_an_agent_that_is_left_alone_is_ended(
    setting: Setting, node: RecordingServer, service: AwsService
) -> None:
    with offload(setting, node, service) as primary:
        primary.hand_over()
        primary.send(1)
        primary.await_sent(1)
        (before,) = agents(primary)
        primary.kill("offload.cloudwatch_agent")
        (after,) = poll(
            "another agent", lambda: found if (found := agents(primary)) and before not in found else None, 30
        )
        assert after != before
        primary.send(1)
        assert len(primary.await_sent(2)) == 2


def agents(primary: Offload) -> list[str]:
    """The processes of the CloudWatch Agent itself."""
    return primary.proxy.exec("sh", "-c", _AGENTS).split()


_AGENTS = """
for process in /proc/[0-9]*; do
    if { tr '\\0' ' ' < "$process/cmdline"; } 2>/dev/null | grep -q "bin/amazon-cloudwatch-agent [-]config "; then echo "${process#/proc/}"; fi
done
"""


def test_nobody_has_the_offloads_user_run_other_code(
    setting: Setting, node: RecordingServer, service: AwsService
) -> None:
    with offload(setting, node, service) as primary:
        primary.hand_over()
        for command in ("as-offload credentials", "as-offload offload", "as-offload sh", "as-offload"):
            output = primary.proxy.exec("sh", "-c", _EVIL + f"{command} < /dev/null 2>&1; true")
            assert "EVIL" not in output, command
            assert output.count("\n") == 1, output
        # With such surroundings the proxy's own Python would.
        assert "EVIL" in primary.proxy.exec("sh", "-c", _EVIL + "python3 -m offload 2>&1; true")


_EVIL = """
mkdir -p /tmp/evil/offload /tmp/evil/service
for module in offload/__init__ offload/__main__ service/__init__ sitecustomize json; do echo "print('EVIL')" > /tmp/evil/$module.py; done
cd /tmp/evil
export PYTHONPATH=/tmp/evil HOME=/tmp/evil CAPTURE_CONFIG_DIR=/nowhere
"""


def test_a_frozen_offload_is_not_felt(setting: Setting, node: RecordingServer, service: AwsService) -> None:
    with offload(setting, node, service) as primary:
        for name in ("offload", "offload.cloudwatch_agent"):
            primary.proxy.exec("sh", "-c", f"kill -STOP {process_id(primary.proxy, name)}")
        started = time.monotonic()
        primary.send(200)
        assert time.monotonic() - started < 20
        assert status_of(primary.proxy)["offload"] is None
        poll("the capture", lambda: len(primary.logged()) == 200)
