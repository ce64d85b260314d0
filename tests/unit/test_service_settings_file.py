"""The settings files of the container's processes."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.settings import AgentSettings
from haproxy_config.render import render_files
from service.settings_file import SettingsError, read_settings
from tests.unit.regenerate_golden import VARIANTS


@dataclass(frozen=True)
class Settings:
    name: str
    items: tuple[str, ...]
    count: int
    wait_s: float


GOOD = """
name = "one"
items = ["a:1", "b:2"]
count = 64
wait_s = 1.5
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "settings.toml"


def test_what_is_read(file: Path) -> None:
    file.write_text(GOOD)
    assert read_settings(file, Settings) == Settings("one", ("a:1", "b:2"), 64, 1.5)


def test_a_whole_number_will_do_for_seconds(file: Path) -> None:
    file.write_text(GOOD.replace("1.5", "0"))
    assert read_settings(file, Settings).wait_s == 0


def test_the_agents_as_it_is_rendered(file: Path) -> None:
    file.write_text(render_files(VARIANTS["primary_with_mirror"])["agent.toml"])
    settings = read_settings(file, AgentSettings)
    assert settings.cluster == "primary"
    assert settings.mirror_to == ("shadow-haproxy.example:81", "[2001:db8::81]:81")
    assert settings.redact_headers[:2] == ("authorization", "proxy-authorization")
    assert (settings.drain_s, settings.mirror_deadline_s) == (4, 300.0)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("wait_s", "waits", "unknown setting 'waits', did you mean 'wait_s'?"),
        ("count", "zzzzzz = 1\ncount", "unknown setting 'zzzzzz'"),
        ("wait_s = 1.5", "", "missing: wait_s"),
        ("count = 64\nwait_s = 1.5", "", "missing: count, wait_s"),
        ("1.5", '"4"', "'wait_s' is '4'"),
        ("1.5", "true", "'wait_s' is True"),
        ("1.5", "-0.1", "'wait_s' is -0.1"),
        ("1.5", "nan", "'wait_s' is nan"),
        ("64", "-1", "'count' is -1"),
        ("64", "64.5", "'count' is 64.5"),
        ("64", "true", "'count' is True"),
        ('"one"', "1", "'name' is 1"),
        ("items = [", "items = [1, ", "'items' is [1, "),
        ("items = [", 'items = "a:1" # [', "'items' is 'a:1'"),
        ("1.5", "", "can't read"),
    ],
)
def test_what_is_refused(file: Path, old: str, new: str, message: str) -> None:
    assert old in GOOD
    file.write_text(GOOD.replace(old, new))
    with pytest.raises(SettingsError) as raised:
        read_settings(file, Settings)
    assert message in str(raised.value)
    assert str(file) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_missing_file(file: Path) -> None:
    with pytest.raises(SettingsError, match="can't read"):
        read_settings(file, Settings)


def test_a_file_that_is_no_text(file: Path) -> None:
    file.write_bytes(b'name = "\xff"')
    with pytest.raises(SettingsError, match="can't read"):
        read_settings(file, Settings)
