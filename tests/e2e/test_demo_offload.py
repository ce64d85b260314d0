"""The demo with AWS credentials exported: its capture arrives in CloudWatch Logs, and is told of when it does not."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from capture.demo.plan import make_plan
from capture.demo.settings import DemoSettings
from capture.engine import Engine
from capture.settings import WORKSPACE
from capture.workspace import REPOSITORY
from tests.e2e.demo_process import RETURN, DemoProcess, free_offset
from tests.integration.aws_service import KEY_ID, REGION, AwsService
from tests.integration.cloudwatch_package import stand_in_package
from tests.integration.rig import poll

GROUP = "/cluster-traffic-capture/primary"
WRONG_KEY_ID = "AKIAWRONGWRONGWRONG0"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


@pytest.fixture
def service() -> Iterator[AwsService]:
    with AwsService() as service:
        yield service


@pytest.fixture
def offset(docker_engine: Engine) -> Iterator[int]:
    """A port offset; in the end no image and no folder of its demo is left."""
    offset = free_offset()
    yield offset
    for side in make_plan(DemoSettings(port_offset=offset)).sides:
        docker_engine.remove_image(side.proxy)
    shutil.rmtree(f"{WORKSPACE}-{offset}", ignore_errors=True)


def test_a_demo_offloads_and_takes_new_credentials(
    docker_engine: Engine, offset: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, service: AwsService
) -> None:
    exported = {
        "AWS_ACCESS_KEY_ID": WRONG_KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": REGION,
        "CAPTURE_CLOUDWATCH_ENDPOINT": service.endpoint,
        "CAPTURE_CLOUDWATCH_FLUSH_S": "1",
        "CAPTURE_BUILD_CLOUDWATCH_AGENT": str(stand_in_package(tmp_path)),
    }
    for name, value in exported.items():
        monkeypatch.setenv(name, value)
    demo = DemoProcess("--nodes", "1", "--heap", "256m", "--port-offset", str(offset))
    try:
        demo.await_line("Press RETURN")
        url = f"http://localhost:{80 + offset}/"
        for _ in range(5):
            requests.get(url, timeout=10).raise_for_status()
        demo.await_line(
            "the offload does not work, and the demo goes on without it: "
            "cloudwatch: UnrecognizedClientException: The security token included in the request is invalid."
        )
        assert service.log_messages(GROUP) == []
        refreshed = subprocess.run(
            (sys.executable, "demo_haproxy.py", "--refresh-credentials", "--port-offset", str(offset)),
            cwd=REPOSITORY,
            env={**os.environ, "AWS_ACCESS_KEY_ID": KEY_ID},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (refreshed.returncode, refreshed.stderr) == (0, "")
        assert "credentials are in place, readable by the offload alone" in refreshed.stdout
        poll("five lines", lambda: len(service.log_messages(GROUP)) >= 5, 30, 0.5)
        for _ in range(3):
            requests.get(url, timeout=10).raise_for_status()
        demo.press(RETURN)
        assert demo.end() == 0
        # What was sent last had time to arrive.
        lines = [json.loads(line) for line in service.log_messages(GROUP)]
        assert len(lines) == 8
        assert {line["_cluster"] for line in lines} == {"primary"}
        assert demo.shown.count("the offload does not work") == 1
        assert SECRET not in demo.shown
    finally:
        demo.close()
        docker_engine.remove_labelled(f"demo-{offset}")
