"""What an Elasticsearch image of our own is built from, beside its Dockerfile: the modules, as values and as files.

A module is a folder of jars with a descriptor and, for some, a security policy. The jars come from the package archive, one
POM a module, so that each gets the versions it was made with: lang-painless and lang-expression need different ones of ASM.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

_MODULE_GROUP = "org.codelibs.elasticsearch.module"
_DISTRIBUTION = "org.elasticsearch.distribution.integ-test-zip:elasticsearch"
_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin"
_DISTRIBUTION_FOLDER = "distribution"


@dataclass(frozen=True)
class Module:
    """A module of the distribution."""

    name: str
    class_name: str
    extends: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    """Dependencies, as GROUP:ARTIFACT, that are not to be taken along."""
    permissions: tuple[str, ...] = ()
    data: str | None = None
    """An archive, as GROUP:ARTIFACT, whose files lie beside the jars."""

    def descriptor(self, version: str) -> str:
        """Its ``plugin-descriptor.properties``."""
        return "".join(
            f"{key}={value}\n"
            for key, value in {
                "name": self.name,
                "description": f"The module {self.name}",
                "version": version,
                "elasticsearch.version": version,
                "java.version": "1.8",
                "classname": self.class_name,
                "extended.plugins": ",".join(self.extends),
                "has.native.controller": "false",
            }.items()
        )

    def policy(self) -> str:
        """Its ``plugin-security.policy``; empty when it needs none."""
        if not self.permissions:
            return ""
        return "grant {\n" + "".join(f"  permission {each};\n" for each in self.permissions) + "};\n"


def read_modules(file: Path) -> list[Module]:
    """The modules that ``file`` names (``docker_config_elasticsearch/modules.toml``)."""
    return [
        Module(
            name,
            entry["class"],
            tuple(entry.get("extends", ())),
            tuple(entry.get("without", ())),
            tuple(entry.get("permissions", ())),
            entry.get("data"),
        )
        for name, entry in tomllib.loads(file.read_text()).items()
    ]


def write_modules(
    directory: Path, modules: Iterable[Module], version: str, versions: Mapping[str, str]
) -> None:
    """Write the POMs to ``maven/`` and the modules' own files to ``modules/`` of ``directory``.

    ``version`` is Elasticsearch's; ``versions``: of what else is taken from the archive, by GROUP:ARTIFACT.
    """
    modules = list(modules)
    poms = {
        "": _parent_pom([_DISTRIBUTION_FOLDER, *(module.name for module in modules)], versions),
        _DISTRIBUTION_FOLDER: _pom(_DISTRIBUTION_FOLDER, _dependency(_DISTRIBUTION, version, kind="zip")),
    }
    for module in modules:
        jars = _dependency(f"{_MODULE_GROUP}:{module.name}", version, without=module.without)
        data = _dependency(module.data, versions[module.data]) if module.data is not None else ""
        poms[module.name] = _pom(module.name, jars + data)
        folder = directory / "modules" / module.name
        folder.mkdir(parents=True)
        (folder / "plugin-descriptor.properties").write_text(module.descriptor(version))
        if module.permissions:
            (folder / "plugin-security.policy").write_text(module.policy())
    for name, pom in poms.items():
        folder = directory / "maven" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "pom.xml").write_text(pom)


def _parent_pom(folders: Iterable[str], versions: Mapping[str, str]) -> str:
    listed = "".join(f"<module>{escape(folder)}</module>" for folder in folders)
    return _project(
        "modules",
        f"""<packaging>pom</packaging>
<modules>{listed}</modules>
<build><plugins><plugin>
  {_coordinates(_PLUGIN, versions[_PLUGIN])}
  <executions><execution>
    <phase>package</phase>
    <goals><goal>copy-dependencies</goal></goals>
    <configuration><outputDirectory>${{project.basedir}}/jars</outputDirectory></configuration>
  </execution></executions>
</plugin></plugins></build>""",
    )


def _pom(folder: str, dependencies: str) -> str:
    return _project(
        f"{folder}-jars",
        f"""<parent>{_coordinates("local:modules", "1")}</parent>
<packaging>pom</packaging>
<dependencies>{dependencies}</dependencies>""",
    )


def _dependency(name: str, version: str, *, kind: str = "jar", without: Iterable[str] = ()) -> str:
    exclusions = "".join(f"<exclusion>{_coordinates(each)}</exclusion>" for each in without)
    return f"""<dependency>
  {_coordinates(name, version)}<type>{escape(kind)}</type>
  <exclusions>{exclusions}</exclusions>
</dependency>"""


def _coordinates(name: str, version: str | None = None) -> str:
    group, _, artifact = name.partition(":")
    numbered = "" if version is None else f"<version>{escape(version)}</version>"
    return f"<groupId>{escape(group)}</groupId><artifactId>{escape(artifact)}</artifactId>{numbered}"


def _project(artifact: str, content: str) -> str:
    return f"""<project>
<modelVersion>4.0.0</modelVersion>
{_coordinates(f"local:{artifact}", "1")}
{content}
</project>
"""
