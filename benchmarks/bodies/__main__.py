"""The command ``python -m benchmarks.bodies``."""

import dataclasses
import json
import time
from pathlib import Path

import click

from benchmarks.bodies.results import compare, incomplete, summarise
from benchmarks.bodies.run import CAPTURE, HAPROXY, MIRROR, SUBJECTS, RunResult, RunSettings, run
from benchmarks.bodies.tables import asked, latency_table, memory_table, mix_table, sustained_table
from benchmarks.options import deployment_options, exit_on_signal
from benchmarks.ours import YIELDING, Deployment, Images
from capture.command import CONTEXT, Command
from capture.console import Console, Verbosity
from capture.errors import ExitCode
from capture.subcommand import terminating


@click.command("python -m benchmarks.bodies", cls=Command, context_settings=CONTEXT)
@click.option(
    "--rounds",
    default=3,
    type=click.IntRange(1, 99),
    help="Every figure is the median of so many interleaved rounds.",
)
@click.option("--quick", is_flag=True, help="Shorter loads and fewer requests, for a first look.")
@click.option("--skip", multiple=True, type=click.Choice(list(SUBJECTS)), help="What is left out.")
@deployment_options(YIELDING)
@click.option(
    "--images", nargs=2, metavar="PRIMARY SHADOW", help="Images to measure, instead of building them."
)
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Write the raw figures here."
)
@click.option("-v", "--verbose", is_flag=True, help="Show what became of every load.")
def main(
    rounds: int,
    quick: bool,
    skip: tuple[str, ...],
    deployment: Deployment,
    images: tuple[str, str] | None,
    json_file: Path | None,
    verbose: bool,
) -> int:
    """Measure what large bodies cost, beside HAProxy alone and two hops of it, on this machine.

    Needs Linux, a Docker engine, h2load and nginx (installed when root on Debian), and some GB of disk for the capture logs. The results go
    to stdout. docs/benchmark.md says what is measured, and how.

    Example: python -m capture.local_engine run -- python -m benchmarks.bodies --rounds 1 --quick
    """
    settings = RunSettings(
        rounds=rounds,
        quick=quick,
        skip=frozenset(skip),
        images=Images(*images) if images else None,
        deployment=deployment,
    )
    started = time.monotonic()
    # Ctrl+C, too, ends in the clean-up of whatever is running then.
    with terminating(exit_on_signal):
        result = run(settings, Console(Verbosity.VERBOSE if verbose else Verbosity.NORMAL))
    _show(result, time.monotonic() - started)
    if json_file is not None:
        json_file.write_text(json.dumps(dataclasses.asdict(result), indent=2) + "\n")
    return ExitCode.DONE


def _show(result: RunResult, seconds: float) -> None:
    summaries = {SUBJECTS[name]: summarise(rounds) for name, rounds in result.rounds.items()}
    alone = SUBJECTS[HAPROXY]
    click.echo(", ".join(f"{name} {value}" for name, value in result.environment.items()))
    click.echo(
        f"{max(map(len, result.rounds.values()))} rounds, {seconds / 60:.1f} min; in brackets: of {alone}"
    )
    for table in (latency_table, sustained_table, mix_table):
        click.echo(f"\n{table(summaries, alone)}")
    click.echo(f"\n{memory_table(summaries)}\n")
    for name in (CAPTURE, MIRROR):
        if (title := SUBJECTS[name]) in summaries:
            # What was not mirrored or captured was no work: a yes is then worth less than it seems.
            called = f"{title} (with losses, see below)" if incomplete({title: summaries[title]}) else title
            click.echo(asked(called, compare(summaries[title], summaries.get(alone))))
    late = sum(one.not_idle for one in summaries.values())
    if late:
        click.echo(f"{late} drained requests were sent though something was still being done after 20 s")
    missing = incomplete(summaries)
    click.echo(f"everything arrived and nothing was lost: {'NO' if missing else 'yes'}")
    for line in missing:
        click.echo(f"  {line}")


if __name__ == "__main__":
    main()
