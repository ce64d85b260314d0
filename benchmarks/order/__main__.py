"""The command ``python -m benchmarks.order``."""

import dataclasses
import json
import time
from pathlib import Path

import click

from benchmarks.options import deployment_options, exit_on_signal
from benchmarks.order.mixes import MIXES
from benchmarks.order.options import Choices, Numbers
from benchmarks.order.run import OURS, RIVAL, RunResult, RunSettings, conditions, run
from benchmarks.order.tables import in_order, table, verdicts, waits, warnings
from benchmarks.ours import ALIKE, Deployment, Images
from capture.command import CONTEXT, Command
from capture.console import Console, Verbosity
from capture.errors import ExitCode
from capture.subcommand import terminating

_QUICK_S = 10.0


@click.command("python -m benchmarks.order", cls=Command, context_settings=CONTEXT)
@click.option("--mixes", default=",".join(MIXES), type=Choices(list(MIXES)), help="What is sent.")
@click.option("--rates", default="100,300", type=Numbers(1, 10_000), help="Reads a second.")
@click.option(
    "--factors",
    default="0.5,1,1.5,2",
    type=Numbers(0.01, 100),
    help="How many times as long as the primary's node the shadow's takes.",
)
@click.option("--seconds", default=60.0, type=click.FloatRange(1, 3600), help="How long a load lasts.")
@click.option("--quick", is_flag=True, help="The first rate alone, for 10 s, for a first look.")
@click.option(
    "--at-once",
    type=click.IntRange(1, 16),
    help="Factors that are measured at the same time, each with proxies and nodes of its own.  [default: by rate and cores]",
)
@click.option(
    "--drain",
    default=20.0,
    type=click.FloatRange(0, 3600),
    help="How many seconds after a load the shadow is waited for.",
)
@deployment_options(ALIKE)
@click.option(
    "--images", nargs=2, metavar="PRIMARY SHADOW", help="Images to measure, instead of building them."
)
@click.option(
    "--rival",
    nargs=2,
    metavar="PRIMARY SHADOW",
    help="Images to compare with, instead of the same ones with CAPTURE_ORDER=strict.",
)
@click.option("--alone", is_flag=True, help="Compare with nothing.")
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Write the raw figures here."
)
@click.option("-v", "--verbose", is_flag=True, help="Show more of the progress.")
def main(
    mixes: tuple[str, ...],
    rates: tuple[float, ...],
    factors: tuple[float, ...],
    seconds: float,
    quick: bool,
    at_once: int | None,
    drain: float,
    deployment: Deployment,
    images: tuple[str, str] | None,
    rival: tuple[str, str] | None,
    alone: bool,
    json_file: Path | None,
    verbose: bool,
) -> int:
    """Measure whether the shadow gets the primary's load: how late, and how many requests at once.

    Needs Linux and a Docker engine. Takes some 35 minutes. The results go to stdout. docs/benchmark.md says what is measured, and how.

    Example: python -m capture.local_engine run -- python -m benchmarks.order --quick --mixes reads
    """
    settings = RunSettings(
        mixes=mixes,
        rates=rates[:1] if quick else rates,
        factors=factors,
        seconds=_QUICK_S if quick else seconds,
        side_by_side=at_once,
        drain_s=drain,
        images=Images(*images) if images else None,
        rival=Images(*rival) if rival else None,
        alone=alone,
        deployment=deployment,
    )
    started = time.monotonic()
    # Ctrl+C, too, ends in the clean-up of whatever is running then.
    with terminating(exit_on_signal):
        result = run(settings, Console(Verbosity.VERBOSE if verbose else Verbosity.NORMAL))
    _show(result, settings, time.monotonic() - started)
    if json_file is not None:
        json_file.write_text(json.dumps(dataclasses.asdict(result), indent=2) + "\n")
    return ExitCode.DONE


def _show(result: RunResult, settings: RunSettings, seconds: float) -> None:
    rows = in_order(result.rows, conditions(settings))
    click.echo(", ".join(f"{name} {value}" for name, value in result.environment.items()))
    rival = "CAPTURE_ORDER=strict" if settings.rival is None else settings.rival.primary
    compared = "" if settings.alone else f", {RIVAL}: {rival}"
    click.echo(f"loads of {settings.seconds:g} s, {seconds / 60:.1f} min{compared}\n\n{table(rows)}\n")
    for line in waits(rows):
        click.echo(line)
    click.echo()
    for line in warnings(rows):
        click.echo(line)
    for system in (OURS,) if settings.alone else (RIVAL, OURS):
        for line in verdicts(rows, system):
            click.echo(line)


if __name__ == "__main__":
    main()
