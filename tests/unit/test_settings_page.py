"""docs/settings.md is made from the table of settings."""

import dataclasses

from haproxy_config.setting import setting_of
from haproxy_config.settings import ProxySettings, environment_name
from haproxy_config.settings_page import PAGE, page, undescribed


def test_the_page_is_what_the_table_gives() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m haproxy_config.settings_page"


def test_each_setting_is_on_the_page_once() -> None:
    # The role can't be changed: it is what the image is.
    assert undescribed() == ["role"]
    text = page()
    for field in dataclasses.fields(ProxySettings):
        assert text.count(f"| `{environment_name(field.name)}` |") == (field.name != "role")


def test_what_depends_on_another_setting_names_its_variable() -> None:
    variables = {environment_name(field.name) for field in dataclasses.fields(ProxySettings)}
    for field in dataclasses.fields(ProxySettings):
        meaning = setting_of(field).meaning
        assert meaning.endswith(".")
        named = {word.strip("`.,;:") for word in meaning.split() if word.startswith("`CAPTURE_")}
        assert named <= variables | {"CAPTURE_MIRROR_KEY_FILE"}
