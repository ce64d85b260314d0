"""The one data file of versions, ``versions.toml``, as values."""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

_DATA = tomllib.loads((Path(__file__).parent / "versions.toml").read_text())

BASE_IMAGE: str = _DATA["base_image"]
"""What the images are built on unless the user names another."""

TRAFFIC_GEN_BASE_IMAGE: str = _DATA["traffic_gen_base_image"]
"""What the traffic generator's image is built on."""

DIGESTS: Mapping[str, str] = _DATA["digests"]
"""Name of an image -> the digest that it is pulled by."""

IN_THE_MAKING: Sequence[str] = _DATA["in_the_making"]
"""Debian releases whose package lists may be out of date."""

HAPROXY: Mapping[str, str] = _DATA["haproxy"]
"""Debian release (suite) -> its HAProxy; the releases that a base image can be bootstrapped for."""

ENGINE_PACKAGES: Mapping[str, str] = _DATA["engine_packages"]
"""Program that a local engine needs -> Debian package that has it."""

ENGINE_FILES: Mapping[str, str] = _DATA["engine_files"]
"""File that it needs -> Debian package that has it."""

ELASTICSEARCH: Mapping[str, str] = _DATA["elasticsearch"]
"""What an Elasticsearch image is: its version, the published image, and what one of our own is built with."""

ELASTICSEARCH_PARTS: Mapping[str, str] = _DATA["elasticsearch_parts"]
"""What else that build takes from Maven Central, as GROUP:ARTIFACT -> version."""
