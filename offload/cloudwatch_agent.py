"""``python3 -m offload.cloudwatch_agent``: runs Amazon's CloudWatch Agent over what `offload.cloudwatch` writes, and listens to what it says."""

import contextlib
import json
import logging
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

from offload.agent_words import error_in
from offload.cloudwatch import AGENT, ERROR_FILE
from offload.credentials import CREDENTIALS, make_private
from offload.niceness import lower_priority
from offload.settings import OffloadSettings
from offload.single_instance import SingleInstance
from offload.trouble import harmless
from offload.whose import act_as_the_caller, as_the_offload
from service.settings_file import SettingsError, read_settings

_LOG = logging.getLogger(__name__)

# What the Go runtime tries to stay under.
_MEMORY = "192MiB"

_TRANSLATION_S = 60

# What the agent may take to end. Less than the supervisor gives this program (services/cloudwatch-agent/timeout-kill): nothing stays behind.
_END_S = 2.0

# Of one line of the agent's at once, in characters: it says what services say.
_LINE_CHARACTERS = 65_536

# This program starts one agent. Seconds since 1970, as the credentials' time of change.
_STARTED = time.time()

_STATE_FOLDER = re.compile(r'^(\s*file_state_folder = )".*"$', re.MULTILINE)


class AgentError(Exception):
    """The agent can't be started; the text says why in one line."""


def main() -> None:
    """Run until told to stop; ends with the agent's exit status."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="cloudwatch-agent: %(levelname)s: %(message)s"
    )
    config, runtime = (
        Path(os.environ["CAPTURE_CONFIG_DIR"]),
        Path(os.environ["CAPTURE_RUNTIME_DIR"], "offload"),
    )
    try:
        settings = read_settings(config / "offload.toml", OffloadSettings)
    except SettingsError as error:
        print(f"cloudwatch-agent: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    act_as_the_caller()
    lower_priority()
    try:
        with as_the_offload():
            command = prepare(settings, config, os.environ)
    except (AgentError, OSError) as error:
        _tell(runtime, str(error))
        _LOG.error("%s", harmless(str(error)))
        # What it lacks comes with a new container, or with credentials, which start it anew: it is of no use to try meanwhile.
        signal.pause()
        raise SystemExit(1) from None
    raise SystemExit(_run(command, runtime))


def region_of(settings: OffloadSettings, environment: "os._Environ[str] | dict[str, str]") -> str:
    """The region to send to.

    Raises:
        AgentError: nobody says which.
    """
    region = settings.region or environment.get("AWS_REGION", "") or environment.get("AWS_DEFAULT_REGION", "")
    if not region:
        raise AgentError("no AWS region is set (CAPTURE_OFFLOAD_REGION or AWS_REGION)")
    return region


def prepare(
    settings: OffloadSettings,
    config: Path,
    environment: "os._Environ[str] | dict[str, str]",
    agent: Path = AGENT,
    credentials: Path = CREDENTIALS,
) -> tuple[str, ...]:
    """Have the agent's configuration translated by its own program; the command that starts it.

    What it makes of it is in the credentials' folder, where nobody can put something else in its place.

    Raises:
        AgentError: there is no agent, no region, it is not what the template says, or the translation failed.
        OSError: a file can't be written.
    """
    if not agent.exists():
        raise AgentError("this image carries no CloudWatch Agent (build_docker_images.py --cloudwatch-agent)")
    work = credentials.parent
    make_private(work)
    wanted = json.loads((config / "cloudwatch-agent.json").read_text("utf-8"))
    _check(wanted, Path(settings.directory, "cloudwatch"))
    wanted["agent"]["region"] = region_of(settings, environment)
    source, target = work / "amazon-cloudwatch-agent.json", work / "amazon-cloudwatch-agent.toml"
    source.write_text(json.dumps(wanted, indent=2))
    target.unlink(missing_ok=True)
    command = [str(agent.with_name("config-translator")), "--input", str(source), "--output", str(target)]
    if credentials.exists():
        command += ["--mode", "onPremise", "--config", str(config / "common-config.toml")]
    else:
        # A role, or a profile: as the agent finds them.
        command += ["--mode", "auto"]
    _translate(command)
    text, count = _STATE_FOLDER.subn(
        lambda match: f"{match[1]}{json.dumps(os.fspath(Path(settings.directory, 'cloudwatch', 'state')))}",
        target.read_text("utf-8"),
    )
    if not count:
        raise AgentError(f"{target} names no state folder: this version of the CloudWatch Agent is not known")
    target.write_text(text, "utf-8")
    return str(agent), "-config", str(target)


def _check(wanted: Any, folder: Path) -> None:
    """The agent is to read nothing but what `offload.cloudwatch` writes."""
    try:
        followed = [entry["file_path"] for entry in wanted["logs"]["logs_collected"]["files"]["collect_list"]]
        known = (
            wanted.keys() == {"agent", "logs"}
            and wanted["agent"].keys() <= {"region", "logfile"}
            and wanted["agent"]["logfile"] == ""
            and wanted["logs"].keys() <= {"logs_collected", "endpoint_override", "force_flush_interval"}
            and wanted["logs"]["logs_collected"].keys() == {"files"}
            and wanted["logs"]["logs_collected"]["files"].keys() == {"collect_list"}
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise AgentError(f"cloudwatch-agent.json is not as its template: {error!r}") from error
    if not known or followed != [f"{folder}/{parity}.*.log" for parity in ("odd", "even")]:
        raise AgentError("cloudwatch-agent.json has more in it than its template")


def _translate(command: list[str]) -> None:
    try:
        ended = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=_TRANSLATION_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise AgentError(f"config-translator was silent for {_TRANSLATION_S} s") from error
    if ended.returncode:
        lines = [line for line in ended.stdout.splitlines() if line.strip()]
        errors = [words for line in lines if (words := error_in(line))]
        why = (errors or lines or ["it said nothing"])[-1]
        raise AgentError(f"config-translator refused its configuration (exit code {ended.returncode}): {why}")


def _run(command: tuple[str, ...], runtime: Path) -> int:
    # Two agents would send everything twice.
    only = SingleInstance(runtime / "cloudwatch-agent.lock", end_it=True)
    agent = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env={**os.environ, "GOMEMLIMIT": _MEMORY},
        pass_fds=(only.fd,),
    )
    only.is_now(agent.pid)

    def stop(_number: int, _frame: FrameType | None) -> None:
        agent.terminate()
        signal.setitimer(signal.ITIMER_REAL, _END_S)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    signal.signal(signal.SIGALRM, lambda _number, _frame: agent.kill())
    _LOG.info("started")
    assert agent.stdout is not None
    while line := agent.stdout.readline(_LINE_CHARACTERS):
        words = error_in(line)
        if words is not None:
            _tell(runtime, words)
    status = agent.wait()
    _LOG.info("ended with status %d", status)
    return status if status >= 0 else 128 - status


def _tell(runtime: Path, words: str) -> None:
    """Leave it for the status."""
    new = runtime / f"{ERROR_FILE}.new"
    with contextlib.suppress(OSError):
        new.write_text(json.dumps({"at": time.time(), "agent_since": _STARTED, "words": harmless(words)}))
        new.replace(runtime / ERROR_FILE)


if __name__ == "__main__":
    main()
