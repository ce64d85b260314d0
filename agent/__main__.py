"""``python3 -m agent SETTINGS``: the agent, as the container's supervisor starts it."""

import asyncio
import contextlib
import gc
import logging
import os
import sys
from pathlib import Path

import uvloop

from agent.app import Agent
from agent.settings import AgentSettings, SettingsError, load_settings


def main() -> None:
    """Run until told to stop. Exit status 2: the settings can't be used."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="agent: %(levelname)s: %(message)s")
    try:
        settings = load_settings(Path(sys.argv[1]))
    except (SettingsError, IndexError) as error:
        print(f"agent: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    runtime = Path(os.environ["CAPTURE_RUNTIME_DIR"])
    # Nobody waits for the agent, so it need not interrupt HAProxy, or the client, at every line (sched(7)).
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    # Nothing on the hot path makes cycles: the collector would only make clients wait.
    gc.freeze()
    gc.disable()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings, runtime))


async def _serve(settings: AgentSettings, runtime: Path) -> None:
    await Agent(settings, runtime).run(_ready_fd())


def _ready_fd() -> int | None:
    """The descriptor that s6 waits for a line on (see services/agent/notification-fd)."""
    try:
        os.fstat(3)
    except OSError:
        return None
    return 3 if os.environ.get("CAPTURE_NOTIFY") else None


if __name__ == "__main__":
    main()
