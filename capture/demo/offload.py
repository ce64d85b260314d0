"""The demo's offload: with AWS credentials exported, the primary's capture goes to CloudWatch Logs.

Credentials reach the container over the engine's API as the input of a command, so that they are in no environment, no command line and no
file of the host.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from capture.container import Container
from capture.demo.plan import Plan
from capture.demo.transcript import Transcript
from capture.engine import Engine
from capture.errors import UserError, bad_input

_DEFAULT_REGION = "us-east-1"
_NEEDED = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
_OPTIONAL = ("AWS_SESSION_TOKEN",)
# Settings of the proxies that are handed on to the demo's.
_SETTINGS = ("CAPTURE_OFFLOAD", "CAPTURE_CLOUDWATCH_", "CAPTURE_S3_")

# What is still to be sent when the demo ends has so much time.
_SETTLE_S = 10.0
_POLL_S = 0.25


@dataclass(frozen=True)
class DemoOffload:
    """What to start the primary's proxy with, and what to hand over to it then."""

    environment: Mapping[str, str]
    credentials: bytes = field(repr=False)


def demo_offload(environment: Mapping[str, str], transcript: Transcript) -> DemoOffload | None:
    """The offload that the exported variables ask for; None, and a line that says why where there is something to say."""
    missing = [name for name in _NEEDED if not environment.get(name)]
    if len(missing) == len(_NEEDED):
        return None
    if missing:
        transcript.progress(f"nothing goes to CloudWatch Logs: {missing[0]} is not exported")
        return None
    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or _DEFAULT_REGION
    settings = {name: value for name, value in environment.items() if name.startswith(_SETTINGS)}
    return DemoOffload(
        {"CAPTURE_OFFLOAD": "cloudwatch", "CAPTURE_OFFLOAD_REGION": region} | settings,
        credentials_of(environment),
    )


def credentials_of(environment: Mapping[str, str]) -> bytes:
    """The exported credentials as ``capture-credentials`` reads them.

    Raises:
        UserError: (exit code 2) there are none.
    """
    missing = [name for name in _NEEDED if not environment.get(name)]
    if missing:
        raise bad_input(
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not exported",
            "export AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, for temporary credentials, AWS_SESSION_TOKEN",
        )
    names = (*_NEEDED, *_OPTIONAL)
    return "".join(f"{name}={environment[name]}\n" for name in names if environment.get(name)).encode()


def hand_over(proxy: Container, credentials: bytes) -> str:
    """Give them to a proxy's offload; what it says.

    Raises:
        UserError: (exit code 2) it does not take them.
    """
    executed = proxy.exec_with_input(credentials, "capture-credentials")
    if executed.exit_code != 0:
        raise bad_input(
            f"{proxy.name} does not take the credentials: {executed.output.strip()}",
            "look at what was exported",
        )
    return executed.output.strip()


def refresh_credentials(
    engine: Engine, plan: Plan, environment: Mapping[str, str], transcript: Transcript
) -> None:
    """Give a running demo the credentials that are exported now.

    Raises:
        UserError: (exit code 2) none are, or there is no such demo, or it offloads nothing.
    """
    credentials = credentials_of(environment)
    proxy = engine.container(plan.primary.proxy)
    if proxy is None or proxy.state() != "running":
        raise bad_input(
            f"there is no demo with a container {plan.primary.proxy} that runs", "give its --port-offset too"
        )
    if _status(proxy) is None:
        raise bad_input(
            f"{proxy.name} offloads nothing", "start the demo with AWS_ACCESS_KEY_ID and the rest exported"
        )
    transcript.result(hand_over(proxy, credentials))


class OffloadWatch:
    """Looks at the offload of a running demo, and tells of its trouble once."""

    def __init__(self, proxy: Container, transcript: Transcript) -> None:
        self._proxy = proxy
        self._transcript = transcript
        self._told = False

    def begin(self, credentials: bytes) -> None:
        """Hand the credentials over; without them the demo goes on."""
        try:
            hand_over(self._proxy, credentials)
        except UserError as error:
            self._tell(str(error))
            return
        status = _status(self._proxy) or {}
        self._transcript.progress(
            "  the primary's capture goes to CloudWatch Logs: "
            f"{status.get('cloudwatch', {}).get('log_group', 'see capture-status')}"
        )

    def look(self) -> None:
        """Tell of trouble, if there is some, in the service's own words."""
        if self._told:
            return
        for name, sink in (_status(self._proxy) or {}).items():
            if isinstance(sink, dict) and sink.get("error"):
                self._tell(f"{name}: {sink['error']}")
                return

    def settle(self) -> None:
        """Give what is not sent yet some time, unless there is trouble."""
        deadline = time.monotonic() + _SETTLE_S
        while time.monotonic() < deadline:
            sink = (_status(self._proxy) or {}).get("cloudwatch")
            if not sink or sink["error"] or not (sink["waiting_bytes"] or sink["unread_bytes"]):
                break
            time.sleep(_POLL_S)
        self.look()

    def _tell(self, words: str) -> None:
        self._told = True
        self._transcript.progress(f"the offload does not work, and the demo goes on without it: {words}")


def _status(proxy: Container) -> dict[str, Any] | None:
    """What ``capture-status`` tells of the offload; None: nothing."""
    executed = proxy.exec("capture-status")
    try:
        told: dict[str, Any] | None = json.loads(executed.output).get("offload")
    except ValueError:
        return None
    return told
