"""The program around the CloudWatch Agent: what it leaves, and that nothing stays behind it."""

import signal
import subprocess
import sys
import time
from pathlib import Path

from offload.cloudwatch_agent import _END_S

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
    (tmp_path / "agent").mkdir()
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
