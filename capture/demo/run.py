"""A demo from its checks to its end: what ``demo_haproxy.py`` does, for Python callers too."""

import os
import sys

from capture.demo.checks import check_can_keep, check_room
from capture.demo.endpoints import endpoints
from capture.demo.examples import guide
from capture.demo.interruptions import Interruptions
from capture.demo.lease import Lease, in_use, leased
from capture.demo.leftovers import check_not_kept, remove_leftovers
from capture.demo.plan import Plan, make_plan
from capture.demo.settings import DemoSettings
from capture.demo.shut_down import shut_down
from capture.demo.stage import Stage
from capture.demo.tour import Tour
from capture.demo.transcript import Transcript
from capture.demo.waiting import forget_typed, wait_for_return
from capture.engine import Engine, connect
from capture.versions import ELASTICSEARCH


def run_demo(settings: DemoSettings, transcript: Transcript) -> None:
    """Set both clusters up with the proxies between them, show them, and remove everything.

    For the main thread: it takes the signals that end a program.

    Raises:
        UserError: with the exit codes of `capture.errors`; nothing is left.
        KeyboardInterrupt, SystemExit: a signal ended it; nothing is left.
    """
    interruptions = Interruptions()
    plan = make_plan(settings)
    with interruptions.installed(), leased(plan.purpose) as lease:
        if lease is None:
            raise in_use(plan.offset)
        with interruptions.raising():
            engine = _ready_engine(plan, settings, lease, transcript)
        stage = Stage(engine, plan, settings, transcript, interruptions)
        kept = False
        try:
            with interruptions.raising():
                stage.set_up()
                _show(stage, settings, transcript)
                kept = settings.keep
        finally:
            if kept:
                lease.set_kept(True)
            else:
                shut_down(stage, transcript, interruptions)
        interruptions.break_off()


def _ready_engine(plan: Plan, settings: DemoSettings, lease: Lease, transcript: Transcript) -> Engine:
    """The engine, with nothing in the way of the demo."""
    check_can_keep(settings, os.environ)
    engine = connect()
    check_not_kept(plan, lease, engine.containers())
    lease.set_kept(False)
    remove_leftovers(engine, plan, transcript)
    check_room(engine, plan, settings)
    return engine


def _show(stage: Stage, settings: DemoSettings, transcript: Transcript) -> None:
    plan, engine = stage.plan, stage.engine
    if transcript.for_program:
        print(endpoints(plan, engine.address, engine.host), flush=True)
    touring = settings.tour or not (sys.stdin.isatty() or transcript.for_program)
    text = guide(
        plan, ELASTICSEARCH["version"], os.environ.get("DOCKER_HOST"), _ending(plan, settings, touring)
    )
    if not touring:
        forget_typed()
    transcript.result(f"\n{text}\n")
    if touring:
        Tour(plan, stage.proxies["primary"], stage.proxies["shadow"], engine.address, transcript).run()
        transcript.result("")
    elif not settings.keep:
        wait_for_return(engine, plan, transcript, stage.offload)


def _ending(plan: Plan, settings: DemoSettings, touring: bool) -> str:
    if settings.keep:
        return f"Everything is left running (--keep). To remove it: {plan.clean_command}"
    if touring:
        return (
            "Now the demo sends these commands itself, shows what comes of them, and shuts everything down."
        )
    return "Press RETURN in this window to shut everything down and clean up."
