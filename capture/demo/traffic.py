"""``python -m capture.demo.traffic``: OpenSearch Benchmark against the demo that runs; ``make traffic`` is this.

The container carries the demo's label, so that it goes when the demo does.
"""

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from capture.command import CONTEXT, Command
from capture.console import Console
from capture.container import ContainerSettings
from capture.daemon import Daemon
from capture.demo.plan import Plan, make_plan
from capture.demo.settings import DemoSettings
from capture.engine import Engine, connect
from capture.errors import ExitCode, UserError, bad_input
from capture.local_engine import FOLDER
from capture.subcommand import terminating
from capture.traffic_gen_image import build_traffic_gen_image

IMAGE = "traffic-gen"

_EXAMPLE = """\b
Example:
  make traffic
  make traffic TRAFFIC="WORKLOADS=nested,geonames CORPUS_SIZE=10000 CLIENTS=4"
\b
Ends with the traffic generator's exit code: 0 no request failed, 1 a workload failed, 2 a setting can't be used;
130 interrupted. 3: no Docker engine answers.
"""


def read_environment(words: Sequence[str]) -> dict[str, str]:
    """``NAME=VALUE`` words as a mapping.

    Raises:
        UserError: (exit code 2) a word is none.
    """
    environment = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name.isupper():
            raise bad_input(f"'{word}' is not NAME=VALUE", "for example WORKLOADS=nested,geonames")
        environment[name] = value
    return environment


def send_traffic(plan: Plan, environment: Mapping[str, str], console: Console) -> int:
    """Run the traffic generator against the demo ``plan``, its output on stdout; its exit code.

    Raises:
        UserError: no such demo runs, or the image can't be built.
    """
    engine = _engine_of_demo(plan)
    build_traffic_gen_image(IMAGE, console=console, engine=engine)
    target = {"TARGET_HOSTS": f"host.docker.internal:{plan.primary.proxy_port}"}
    container = engine.run(
        ContainerSettings(image=IMAGE, purpose=plan.purpose, environment={**target, **environment})
    )
    try:
        for chunk in container.follow():
            sys.stdout.write(chunk)
            sys.stdout.flush()
        return container.wait_exit()
    finally:
        with terminating(signal.SIG_IGN):
            container.remove()


def _engine_of_demo(plan: Plan) -> Engine:
    """The engine that the demo runs in: the one that answers, or the local one, which `make demo` starts where none does."""
    daemon = Daemon(Path(os.environ.get("CAPTURE_ENGINE_DIR", FOLDER)).expanduser().absolute())
    try:
        engine = connect()
    except UserError:
        if not daemon.answers():
            raise _no_demo(plan) from None
        engine = daemon.connect()
    if plan.primary.proxy not in engine.labelled(plan.purpose):
        raise _no_demo(plan)
    return engine


def _no_demo(plan: Plan) -> UserError:
    option = f' DEMO="--port-offset {plan.offset}"' if plan.offset else ""
    return bad_input(
        "no demo runs here to send traffic to", f"`make demo{option}` in another terminal, then this again"
    )


@click.command("python -m capture.demo.traffic", cls=Command, context_settings=CONTEXT, epilog=_EXAMPLE)
@click.option("--port-offset", type=int, default=0, metavar="N", help="The demo's.")
@click.argument("environment", nargs=-1, metavar="[NAME=VALUE]...")
def main(port_offset: int, environment: tuple[str, ...]) -> int:
    """Send the workloads of OpenSearch Benchmark to the demo that runs; NAME=VALUE: settings of the traffic generator."""
    plan = make_plan(DemoSettings(port_offset=port_offset))
    # So that the container is removed on the way out.
    with terminating(_terminated):
        return send_traffic(plan, read_environment(environment), Console())


def _terminated(number: int, _frame: object) -> None:
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    sys.exit(ExitCode.TERMINATED)


if __name__ == "__main__":
    main()
