"""The program around the CloudWatch Agent: what it leaves, and that nothing stays behind it."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from haproxy_config.render import render_files
from offload.cloudwatch_agent import _END_S, AgentError, _check
from tests.unit.regenerate_golden import VARIANTS

ROOT = Path(__file__).parents[2]

# An agent that does not end when it is told to.
_STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('E! ready', flush=True); time.sleep(300)"

_RUN = """
import sys
from pathlib import Path
from offload import cloudwatch_agent
cloudwatch_agent._END_S = 0.3
raise SystemExit(cloudwatch_agent._run((sys.executable, "-c", sys.argv[1]), Path(sys.argv[2])))
"""


def test_an_agent_that_does_not_end_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen((sys.executable, "-c", _RUN, _STUBBORN, str(tmp_path)), cwd=ROOT) as process:
        try:
            deadline = time.monotonic() + 20
            while not (tmp_path / "cloudwatch-agent-error.json").exists():
                assert time.monotonic() < deadline
                time.sleep(0.02)
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 128 + signal.SIGKILL
        finally:
            process.kill()


def test_the_supervisor_waits_longer_than_the_agent_is_given() -> None:
    for service in ("cloudwatch-agent", "offload"):
        wait_ms = int((ROOT / "docker_config_base" / "services" / service / "timeout-kill").read_text())
        assert _END_S * 1000 < wait_ms <= 3000


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("/data/capture.offload/cloudwatch/odd.*.log", "/dev/shm/offload/credentials"),
        ('"logfile": ""', '"logfile": "/tmp/x"'),
        ('"files"', '"other": {}, "files"'),
        ('"agent"', '"metrics": {}, "agent"'),
        ('"collect_list"', '"collect"'),
    ],
)
def test_the_agent_follows_only_what_is_made_for_it(old: str, new: str) -> None:
    text = render_files(VARIANTS["primary_tuned"])["cloudwatch-agent.json"]
    folder = Path("/data/capture.offload/cloudwatch")
    _check(json.loads(text), folder)
    assert old in text
    with pytest.raises(AgentError, match="its template"):
        _check(json.loads(text.replace(old, new, 1)), folder)
