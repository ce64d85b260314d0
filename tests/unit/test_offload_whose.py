"""In the proxy's folders the offload's user does nothing that the proxy's user couldn't do itself."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from haproxy_config.render import render_files
from offload import app
from tests.unit.regenerate_golden import VARIANTS
from tests.unit.two_users import CALLER, OFFLOAD, SECRET, needs_root, open_folder, owned, run_as_the_offload

pytestmark = needs_root

IMPORTS = """
import json, sys, threading, time
from pathlib import Path
from offload import app, cloudwatch, cloudwatch_agent, followed, log_reader, single_instance, whose
from offload.credentials import CREDENTIALS
from offload.s3 import ledger
from offload.settings import OffloadSettings
from service.settings_file import read_settings
"""

BEGIN = """
base = Path(sys.argv[1])
settings = read_settings(base / "offload.toml", OffloadSettings)
whose.act_as_the_caller()
"""


class Places:
    """The caller's folders, and files of the offload's user beside them."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.log_folder = owned(base / "log", CALLER, 0o755)
        self.directory = owned(base / "log" / "capture.offload", CALLER, 0o770)
        self.runtime = owned(base / "run", CALLER, 0o770)
        self.private = owned(base / "private", OFFLOAD, 0o700)
        # Even where the folder lets everybody in.
        self.open = owned(base / "home", OFFLOAD, 0o755)
        self.secret = owned(self.open / "credentials", OFFLOAD, 0o600, SECRET)
        (base / "agent").touch()
        text = render_files(VARIANTS["primary_tuned"])["offload.toml"].replace("/data/", f"{base}/log/")
        (base / "offload.toml").write_text(text)
        owned(self.log_folder / "capture.log", CALLER, 0o640, "")

    def link(self, path: Path, target: Path | None = None) -> None:
        path.symlink_to(target or self.secret)
        os.chown(path, CALLER, CALLER, follow_symlinks=False)

    def run(self, script: str) -> str:
        done = run_as_the_offload(IMPORTS, BEGIN + script, self.base)
        return done.stdout + done.stderr

    def assert_untouched(self) -> None:
        assert self.secret.read_text() == SECRET
        seen = self.secret.stat()
        assert (seen.st_mode & 0o777, seen.st_uid) == (0o600, OFFLOAD)
        assert [path.name for path in self.open.iterdir()] == ["credentials"]
        assert list(self.private.iterdir()) == []
        assert self.private.stat().st_mode & 0o777 == 0o700


@pytest.fixture
def places() -> Iterator[Places]:
    with open_folder() as base:
        yield Places(base)


CLOUDWATCH = """
sink = cloudwatch.CloudWatch(settings, base / "run", base / "agent", base / "private" / "credentials")
(base / "log" / "capture.log").open("a").write('{"startedDateTime": "2026-01-01"}\\n')
sink._settled = -10
sink._fill()
sink._look(everything=True)
print("WORKED")
"""

LEDGER = """
ledger.Ledger(Path(settings.directory, "s3.json")).verified(3)
"""

TELL = """
cloudwatch_agent._tell(base / "run", "no region")
"""

LISTEN = 'app._listen(base / "run" / "status.sock")'

LOCK = """
only = single_instance.SingleInstance(base / "run" / "offload.lock")
only.is_now(7)
"""


@pytest.mark.parametrize(
    ("link", "script"),
    [
        ("log/capture.offload/cloudwatch/position.new", CLOUDWATCH),
        ("log/capture.offload/cloudwatch/position.json", CLOUDWATCH),
        ("log/capture.offload/cloudwatch/odd.000000001.log", CLOUDWATCH),
        ("log/capture.offload/cloudwatch.new", CLOUDWATCH),
        ("log/capture.offload/s3.json.new", LEDGER),
        ("run/cloudwatch-agent-error.json.new", TELL),
        ("run/offload.lock", LOCK),
    ],
    ids=lambda value: value if "\n" not in value else "",
)
def test_a_link_in_the_callers_folders_leads_to_nothing(places: Places, link: str, script: str) -> None:
    owned(places.directory / "cloudwatch", CALLER, 0o770)
    places.link(places.base / link)
    places.run(script)
    places.assert_untouched()


@pytest.mark.parametrize("target", ["private", "home"])
@pytest.mark.parametrize(
    ("link", "script"),
    [
        ("log/capture.offload/cloudwatch", CLOUDWATCH),
        ("log/capture.offload", LEDGER),
        ("run", TELL),
        ("run", LOCK),
        ("run", LISTEN),
    ],
    ids=["cloudwatch", "ledger", "error", "lock", "socket"],
)
def test_a_folder_that_is_a_link_leads_to_nothing(
    places: Places, link: str, script: str, target: str
) -> None:
    path = places.base / link
    if path.exists():
        path.rmdir()
    places.link(path, places.base / target)
    places.run(script)
    places.assert_untouched()


def test_what_is_put_in_the_place_of_the_socket_keeps_its_mode(places: Places) -> None:
    # The moment between making the socket and what follows.
    swap = """
import os, socket
class Swapped(socket.socket):
    def bind(self, address):
        super().bind(address)
        os.unlink(address)
        os.symlink(base / "home" / "credentials", address)
app.socket.socket = Swapped
"""
    places.run(swap + LISTEN)
    places.assert_untouched()


READ = 'print(log_reader.LogReader(base / "log" / "capture.log", None, 1000).next())'


@pytest.mark.parametrize("link", ["log/capture.log.000001", "log/capture.log"])
def test_a_log_that_is_a_link_is_not_read(places: Places, link: str) -> None:
    (places.base / link).unlink(missing_ok=True)
    places.link(places.base / link)
    assert "aws_secret" not in places.run(READ)


def test_a_log_in_a_folder_that_the_caller_cant_enter_is_not_read(places: Places) -> None:
    # Its mode alone would let everybody read it.
    owned(places.private / "capture.log", OFFLOAD, 0o644, SECRET)
    places.log_folder.rename(places.base / "old")
    places.link(places.log_folder, places.private)
    said = places.run(READ)
    assert "aws_secret" not in said
    assert "Permission denied" in said


def test_with_nothing_in_the_way_all_works_and_is_the_callers(places: Places) -> None:
    assert "WORKED" in places.run(CLOUDWATCH + LEDGER + TELL + LOCK)
    made = [*places.directory.rglob("*"), *places.runtime.rglob("*")]
    assert {path.name for path in made} >= {"position.json", "cloudwatch.json", "s3.json", "offload.lock"}
    assert {path.stat().st_uid for path in made} == {CALLER}
    # For the CloudWatch Agent, who is of the same group.
    assert (places.directory / "cloudwatch" / "state").stat().st_mode & 0o777 == 0o770
    assert (places.directory / "cloudwatch" / "odd.000000001.log").stat().st_mode & 0o777 == 0o660


def test_the_offloads_power_is_there_where_it_is_wanted_and_in_that_thread_only(places: Places) -> None:
    script = """
def can():
    try:
        open(base / "home" / "credentials").close()
        return True
    except PermissionError:
        return False
seen = {}
with whose.as_the_offload():
    seen["within"] = can()
    # A thread begins as the one that starts it.
    inside = threading.Thread(target=lambda: seen.update(started_within=can()))
    inside.start()
    inside.join()
entered, leave = threading.Event(), threading.Event()
def hold():
    with whose.as_the_offload():
        entered.set()
        leave.wait(10)
other = threading.Thread(target=hold)
other.start()
entered.wait(10)
seen["beside"] = can()
leave.set()
other.join()
try:
    with whose.as_the_offload():
        raise KeyError
except KeyError:
    seen["after"] = can()
print(json.dumps(seen))
"""
    assert places.run(script) == '{"within": true, "started_within": true, "beside": false, "after": false}\n'


def test_the_socket_is_for_the_group(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    path = places.runtime / "status.sock"
    app._listen(path).close()
    assert path.stat().st_mode & 0o777 == 0o660
