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
from agent.settings import AgentSettings
from service.readiness import ready_fd
from service.settings_file import SettingsError, read_settings

# Rendered beside the settings where there is a key (``haproxy_config.render.KEY_FILE``).
_KEY_FILE = "mirror.key"


def main() -> None:
    """Run until told to stop. Exit status 2: the settings can't be used."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="agent: %(levelname)s: %(message)s")
    try:
        settings = read_settings(Path(sys.argv[1]), AgentSettings)
        key = _mirror_key(Path(sys.argv[1]).with_name(_KEY_FILE))
    except (SettingsError, IndexError, OSError) as error:
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
        runner.run(_serve(settings, runtime, key))


async def _serve(settings: AgentSettings, runtime: Path, key: str) -> None:
    await Agent(settings, runtime, key).run(ready_fd())


def _mirror_key(path: Path) -> str:
    return path.read_text("ascii").strip() if path.exists() else ""


if __name__ == "__main__":
    main()
