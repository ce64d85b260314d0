"""Which image clusters are made of, decided on an engine that is none; and what one of our own is built from."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast
from xml.etree import ElementTree

import pytest

from capture.build_context import check_ca_stays_out
from capture.console import Console
from capture.elasticsearch_image import (
    BUILT_IMAGE,
    CHECKSUMS,
    digest_of,
    ensure_elasticsearch_image,
    write_elasticsearch_context,
)
from capture.elasticsearch_modules import Module, read_modules, write_modules
from capture.engine import BuildError, Engine
from capture.errors import ExitCode, UserError
from capture.pull_error import PullError, PullFailure
from capture.versions import BASE_IMAGE, ELASTICSEARCH, ELASTICSEARCH_PARTS
from capture.workspace import REPOSITORY

PUBLISHED = ELASTICSEARCH["published_image"]
SOURCE = REPOSITORY / "docker_config_elasticsearch"
PARTS = {"org.apache.maven.plugins:maven-dependency-plugin": "3.8.1", "g:data": "2019"}
DIGEST = "sha256:" + "1" * 64
NO_REGISTRY = PullError("no such host", PullFailure.UNREACHABLE)


class FakeEngine:
    """Has the base image and ``present``; a pull ends with ``pulling``, a build with ``building``."""

    def __init__(
        self,
        present: set[str] | None = None,
        pulling: PullError | None = None,
        building: BuildError | None = None,
        said: str = "E: Unable to locate package",
    ) -> None:
        self.said = said
        self.present = {BASE_IMAGE} | (present or set())
        self.pulling = pulling
        self.building = building
        self.built: list[str] = []
        self.pulled: list[str] = []

    def image_id(self, name: str) -> str | None:
        return "sha256:1" if name in self.present else None

    def image_digest(self, name: str) -> str | None:
        return DIGEST if name in self.pulled else None

    def pull(self, name: str) -> None:
        self.pulled.append(name)
        if self.pulling is not None:
            raise self.pulling

    def build(
        self,
        directory: Path,
        *,
        tag: str,
        arguments: Mapping[str, str],
        labels: Mapping[str, str],
        on_line: Callable[[str], None],
    ) -> str:
        assert labels == {"org.opencontainers.image.base.name": BASE_IMAGE}
        assert (directory / "Dockerfile").exists()
        assert arguments["VERSION"] == ELASTICSEARCH["version"]
        on_line("Step 1/1 : FROM debian")
        on_line(self.said)
        if self.building is not None:
            raise self.building
        self.built.append(tag)
        self.present.add(tag)
        return "sha256:2"


def ensure(engine: FakeEngine) -> str:
    return ensure_elasticsearch_image(cast(Engine, engine), Console())


def test_the_published_image_is_used_when_the_engine_has_it() -> None:
    engine = FakeEngine(present={PUBLISHED})
    assert ensure(engine) == PUBLISHED
    assert engine.pulled == []


def test_it_is_pulled_when_a_registry_answers(capsys: pytest.CaptureFixture[str]) -> None:
    engine = FakeEngine()
    assert ensure(engine) == PUBLISHED
    assert engine.built == []
    assert (
        capsys.readouterr().err == f"Elasticsearch image: {PUBLISHED}, pulled from the registry ({DIGEST})\n"
    )


def test_it_is_built_once_when_none_answers(capsys: pytest.CaptureFixture[str]) -> None:
    engine = FakeEngine(pulling=NO_REGISTRY)
    name = ensure(engine)
    assert re.fullmatch(rf"{BUILT_IMAGE}:7\.10\.2-[0-9a-f]{{12}}", name)
    assert "no registry answers" in capsys.readouterr().err
    assert ensure(engine) == name
    assert engine.built == [name]
    assert engine.pulled == [PUBLISHED]
    assert capsys.readouterr().err == f"Elasticsearch image: {name}, which the engine has\n"


def test_a_failed_build_shows_the_end_of_its_output() -> None:
    engine = FakeEngine(pulling=NO_REGISTRY, building=BuildError("exit code 100"))
    with pytest.raises(UserError, match="exit code 100") as error:
        ensure(engine)
    assert error.value.exit_code == ExitCode.BUILD_FAILED
    assert error.value.detail.endswith("E: Unable to locate package")


@pytest.mark.parametrize(
    "said",
    [
        "[ERROR] \tArtifact g:a:jar:1 trusted checksum mismatch: summaryFile=00; calculated=ff",
        "[ERROR] \tMissing from summaryFile trusted checksum(s) [SHA-256] for artifact g:a:jar:1",
    ],
)
def test_a_file_that_is_not_the_known_one_is_told_with_what_to_do(said: str) -> None:
    engine = FakeEngine(pulling=NO_REGISTRY, building=BuildError("exit code 1"), said=said)
    with pytest.raises(UserError) as error:
        ensure(engine)
    assert str(error.value).startswith("what the package archive gives is not what this project knows")
    assert "g:a:jar:1" in str(error.value)
    assert "python -m capture.pins maven" in error.value.hint
    assert error.value.exit_code == ExitCode.BUILD_FAILED


def known_files() -> dict[str, str]:
    """Path in the package archive -> SHA-256."""
    lines = (SOURCE / CHECKSUMS).read_text().splitlines()
    assert lines[0].startswith("#")
    return {path: digest for digest, path in (line.split("  ") for line in lines[1:])}


def test_the_checksum_of_each_file_that_is_asked_for_is_known() -> None:
    known = known_files()
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in known.values())
    assert list(known) == sorted(known)
    version = ELASTICSEARCH["version"]
    wanted = {
        f"org.codelibs.elasticsearch.module:{module.name}": version
        for module in read_modules(SOURCE / "modules.toml")
    }
    for name, number in {**wanted, **ELASTICSEARCH_PARTS}.items():
        group, _, artifact = name.partition(":")
        path = f"{group.replace('.', '/')}/{artifact}/{number}/{artifact}-{number}"
        assert {f"{path}.jar", f"{path}.pom"} <= known.keys(), "python -m capture.pins maven"
    zip_ = (
        f"org/elasticsearch/distribution/integ-test-zip/elasticsearch/{version}/elasticsearch-{version}.zip"
    )
    assert zip_ in known


def test_the_build_checks_them_unless_it_is_told_otherwise() -> None:
    dockerfile = (SOURCE / "Dockerfile").read_text()
    assert "ARG CHECKSUMS=verify\n" in dockerfile
    assert '$(/tmp/bin/maven-checksums "${CHECKSUMS}")' in dockerfile
    given = subprocess.run(
        [SOURCE / "bin/maven-checksums", "verify"], check=True, capture_output=True, text=True
    ).stdout
    check = "-Daether.artifactResolver.postProcessor.trustedChecksums"
    assert {f"{check}=true", f"{check}.checksumAlgorithms=SHA-256", f"{check}.failIfMissing=true"} <= set(
        given.split()
    )


def test_the_tag_changes_with_what_is_built(tmp_path: Path) -> None:
    write_elasticsearch_context(tmp_path / "context")
    before = digest_of(tmp_path / "context")
    shutil.copytree(tmp_path / "context", tmp_path / "same")
    assert digest_of(tmp_path / "same") == before
    with (tmp_path / "same/config/log4j2.properties").open("a") as file:
        file.write("\n")
    assert digest_of(tmp_path / "same") != before


def test_the_hosts_ca_bundle_stays_out_of_the_image() -> None:
    check_ca_stays_out((SOURCE / "Dockerfile").read_text())


def test_the_modules_that_are_tested_are_there() -> None:
    assert [module.name for module in read_modules(SOURCE / "modules.toml")] == [
        "aggs-matrix-stats",
        "analysis-common",
        "ingest-common",
        "ingest-geoip",
        "ingest-user-agent",
        "kibana",
        "lang-expression",
        "lang-mustache",
        "lang-painless",
        "mapper-extras",
        "parent-join",
        "percolator",
        "rank-eval",
        "reindex",
        "repository-url",
    ]


def test_what_a_module_extends_is_a_module() -> None:
    modules = read_modules(SOURCE / "modules.toml")
    assert {name for module in modules for name in module.extends} <= {module.name for module in modules}


def test_a_descriptor_names_class_version_and_what_is_extended() -> None:
    lines = Module("a", "org.A", extends=("b", "c")).descriptor("7.10.2").splitlines()
    assert {
        "name=a",
        "version=7.10.2",
        "elasticsearch.version=7.10.2",
        "classname=org.A",
        "extended.plugins=b,c",
    } <= set(lines)


def test_a_policy_grants_what_is_listed() -> None:
    assert Module("a", "A", permissions=('x.P "y"', "z.Q")).policy() == (
        'grant {\n  permission x.P "y";\n  permission z.Q;\n};\n'
    )


def test_a_module_without_permissions_has_no_policy(tmp_path: Path) -> None:
    write_modules(tmp_path, [Module("a", "A"), Module("b", "B", permissions=("P",))], "1", PARTS)
    assert [path.relative_to(tmp_path).as_posix() for path in sorted(tmp_path.rglob("*.policy"))] == [
        "modules/b/plugin-security.policy"
    ]


def test_each_module_is_resolved_by_itself(tmp_path: Path) -> None:
    """In one resolution the nearest version wins, and lang-expression got lang-painless's ASM."""
    write_modules(tmp_path, [Module("a", "A", without=("g:x",)), Module("b", "B")], "7.10.2", PARTS)
    parent = ElementTree.parse(tmp_path / "maven/pom.xml").getroot()
    assert [each.text for each in parent.iter("module")] == ["distribution", "a", "b"]
    assert [each.text for each in parent.iter("version")] == ["1", "3.8.1"]
    pom = ElementTree.parse(tmp_path / "maven/a/pom.xml").getroot()
    [dependency] = pom.iter("dependency")
    assert dependency.findtext("artifactId") == "a"
    assert dependency.findtext("version") == "7.10.2"
    [exclusion] = dependency.iter("exclusion")
    assert [each.text for each in exclusion] == ["g", "x"]


def test_a_modules_data_comes_in_its_own_version(tmp_path: Path) -> None:
    write_modules(tmp_path, [Module("a", "A", data="g:data")], "7.10.2", PARTS)
    pom = ElementTree.parse(tmp_path / "maven/a/pom.xml").getroot()
    assert [(each.findtext("artifactId"), each.findtext("version")) for each in pom.iter("dependency")] == [
        ("a", "7.10.2"),
        ("data", "2019"),
    ]


@pytest.mark.parametrize(
    ("proxy", "settings"),
    [
        ("", ""),
        ("http://proxy:3128", "<host>proxy</host><port>3128</port>"),
        ("http://proxy/", "<host>proxy</host><port>80</port>"),
        (
            "http://me:a&b@proxy.example:8080/",
            "<host>proxy.example</host><port>8080</port><username>me</username><password>a&amp;b</password>",
        ),
    ],
)
def test_maven_is_told_of_the_proxy_that_builds_have(proxy: str, settings: str) -> None:
    environment = {"PATH": os.environ["PATH"], "https_proxy": proxy}
    output = subprocess.run(
        [SOURCE / "bin/maven-proxy"], env=environment, capture_output=True, text=True, check=True
    ).stdout
    expected = f"<proxies><proxy>{settings}</proxy></proxies>" if settings else ""
    assert output.replace("\n", "") == f"<settings>{expected}</settings>"
