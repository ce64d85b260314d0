#!/usr/bin/env python3
"""Sends realistic traffic at a fixed rate: a command over `traffic.run.run_traffic`."""

import json
from pathlib import Path
from typing import Any

import click

from capture.command import CONTEXT, Command
from capture.console import Console, Verbosity
from capture.errors import ExitCode, UserError
from traffic.operations import OPERATIONS
from traffic.report import report, warnings
from traffic.results import Results
from traffic.run import run_traffic
from traffic.schedule import ARRIVALS
from traffic.settings import (
    DEFAULT_MIX,
    DEFAULT_TARGET,
    TrafficSettings,
    read_duration_s,
    read_mix,
    read_target,
)

_EXAMPLE = f"""\b
Operations of a mix:
  {", ".join(list(OPERATIONS)[:9])},
  {", ".join(list(OPERATIONS)[9:])}
  ("search" is any of match, term, range, aggregation and sort.)
\b
Examples:
  ./generate_traffic.py --rate 500 --duration 60 --mix search=70,get=20,bulk=10
  ./generate_traffic.py --rate 200 --duration 8h --arrivals poisson      # a soak test
  ./generate_traffic.py --target https://search.example:9200 --user elastic --json | jq .all.latency_ms
\b
Exit codes: 0 done, 1 a request failed or was never sent, 2 input that can't be used, 5 no cluster answers at the target,
130 interrupted (the results so far are shown).
"""

_CONTEXT = {**CONTEXT, "auto_envvar_prefix": "CAPTURE_TRAFFIC"}


@click.command("generate_traffic.py", cls=Command, context_settings=_CONTEXT, epilog=_EXAMPLE)
@click.option("--target", default=DEFAULT_TARGET, show_envvar=True, metavar="URL",
              help="The cluster, or the proxy in front of it.")  # fmt: skip
@click.option("--rate", type=float, default=100.0, show_envvar=True, metavar="N", help="Requests per second.")
@click.option("--duration", default="60", show_envvar=True, metavar="TIME",
              help="For how long: seconds, or 90s, 10m, 8h.")  # fmt: skip
@click.option("--mix", default=DEFAULT_MIX, show_envvar=True, metavar="NAME=WEIGHT,...",
              help="Of which operations, and how much of each.")  # fmt: skip
@click.option("--arrivals", default="constant", show_envvar=True, metavar="|".join(ARRIVALS),
              help="Constant intervals, or such as many independent users make.")  # fmt: skip
@click.option("--connections", type=int, default=64, show_envvar=True, metavar="N",
              help="Connections at most, so many requests at once.")  # fmt: skip
@click.option("--seed", type=int, default=1, show_envvar=True, metavar="N",
              help="The same seed, the same sequence of requests.")  # fmt: skip
@click.option("--index", default="generated-traffic", show_envvar=True, metavar="NAME",
              help="The index that it is about; made when it is not there.")  # fmt: skip
@click.option("--documents", type=int, default=10_000, show_envvar=True, metavar="N",
              help="Documents that are in it from the beginning.")  # fmt: skip
@click.option(
    "--bulk-size", type=int, default=100, show_envvar=True, metavar="N", help="Documents in a bulk."
)
@click.option("--timeout", default="30", show_envvar=True, metavar="TIME",
              help="How long an answer may take.")  # fmt: skip
@click.option("--clean-up", is_flag=True, show_envvar=True, help="Remove the index in the end.")
@click.option("--allow-errors", is_flag=True, show_envvar=True, help="End with 0 though requests failed.")
@click.option(
    "--user", show_envvar=True, show_default="none", metavar="NAME", help="For basic authentication."
)
@click.option("--password", show_envvar=True, show_default="none", metavar="WORD",
              help="Likewise; better in the environment, where other users of the machine don't see it.")  # fmt: skip
@click.option("--ca", type=click.Path(path_type=Path), show_envvar=True, show_default="the system's", metavar="FILE",
              help="Certificates to trust.")  # fmt: skip
@click.option("--insecure", is_flag=True, show_envvar=True, help="Trust any certificate.")
@click.option("--json", "for_program", envvar="CAPTURE_TRAFFIC_JSON", is_flag=True, show_envvar=True,
              help="Print the results as JSON.")  # fmt: skip
@click.option("-q", "--quiet", is_flag=True, show_envvar=True, help="No progress on stderr.")
@click.option("-v", "--verbose", is_flag=True, show_envvar=True, help="All words of the errors.")
def main(
    *,
    target: str,
    user: str | None,
    password: str | None,
    duration: str,
    timeout: str,
    mix: str,
    allow_errors: bool,
    for_program: bool,
    quiet: bool,
    verbose: bool,
    **values: Any,
) -> int:
    """Send realistic traffic to a cluster at a fixed rate, and measure its answers.

    Requests are due at fixed times, whatever the answers take. Latencies count from when a request was due, so that a target that
    stands still can't hide it (coordinated omission); service times count from when it was sent.
    """
    settings = TrafficSettings(
        target=read_target(target, user, password),
        duration_s=read_duration_s("--duration", duration),
        timeout_s=read_duration_s("--timeout", timeout),
        mix=read_mix(mix),
        **values,
    )
    results = run_traffic(settings, Console(Verbosity.QUIET if quiet else Verbosity.NORMAL))
    _print(results, for_program=for_program, verbose=verbose)
    if results.signal:
        return 128 + results.signal
    return ExitCode.FAILED if results.failed and not allow_errors else ExitCode.DONE


def _print(results: Results, *, for_program: bool, verbose: bool) -> None:
    lines = (
        [json.dumps(results.as_json(), indent=2)] if for_program else list(report(results, verbose=verbose))
    )
    try:
        click.echo("\n".join(lines))
    except BrokenPipeError as error:
        raise UserError("nobody reads the results any more", hint="leave stdout open to the end") from error
    for line in warnings(results):
        click.echo(f"warning: {line}", err=True)


if __name__ == "__main__":
    main()
