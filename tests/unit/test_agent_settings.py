"""The agent's settings file."""

from pathlib import Path

import pytest

from agent.settings import SettingsError, load_settings
from haproxy_config.render import render_files
from tests.unit.regenerate_golden import VARIANTS

GOOD = render_files(VARIANTS["primary_with_mirror"])["agent.toml"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "agent.toml"


def test_what_is_read(file: Path) -> None:
    file.write_text(GOOD)
    settings = load_settings(file)
    assert settings.cluster == "primary"
    assert settings.mirror_to == ("shadow-haproxy.example:81", "[2001:db8::81]:81")
    assert settings.redact_headers[:2] == ("authorization", "proxy-authorization")
    # A whole number will do for seconds.
    assert (settings.drain_s, settings.mirror_deadline_s) == (4, 300.0)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("drain_s", "drains", "unknown setting 'drains', did you mean 'drain_s'?"),
        ("drain_s = 4", "drain_s = 4\nzzzzzz = 1", "unknown setting 'zzzzzz'"),
        ("drain_s = 4", "", "missing: drain_s"),
        ("drain_s = 4", 'drain_s = "4"', "'drain_s' is '4'"),
        ("drain_s = 4", "drain_s = true", "'drain_s' is True"),
        ("mirror_connections = 64", "mirror_connections = 64.5", "'mirror_connections' is 64.5"),
        ("mirror_connections = 64", "mirror_connections = true", "'mirror_connections' is True"),
        ('cluster = "primary"', "cluster = 1", "'cluster' is 1"),
        ("mirror_to = [", "mirror_to = [1, ", "'mirror_to' is [1, "),
        ("mirror_to = [", 'mirror_to = "a:1" # [', "'mirror_to' is 'a:1'"),
        ("drain_s = 4", "drain_s = ", "can't read"),
    ],
)
def test_what_is_refused(file: Path, old: str, new: str, message: str) -> None:
    assert old in GOOD
    file.write_text(GOOD.replace(old, new))
    with pytest.raises(SettingsError) as raised:
        load_settings(file)
    assert message in str(raised.value)
    assert str(file) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_missing_file(file: Path) -> None:
    with pytest.raises(SettingsError, match="can't read"):
        load_settings(file)
