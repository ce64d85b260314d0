"""What an Elasticsearch image of our own is built from, beside its Dockerfile: the modules, as values and as files.

A module is a folder of jars with a descriptor and, for some, a security policy. The jars come from the package archive, one
POM a module, so that each gets the versions it was made with: lang-painless and lang-expression need different ones of ASM.
"""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

_MODULE_GROUP = "org.codelibs.elasticsearch.module"
_DISTRIBUTION = ("org.elasticsearch.distribution.integ-test-zip", "elasticsearch")
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
        )
        for name, entry in tomllib.loads(file.read_text()).items()
    ]


def write_modules(directory: Path, modules: Iterable[Module], version: str, dependency_plugin: str) -> None:
    """Write the POMs to ``maven/`` and the modules' own files to ``modules/`` of ``directory``."""
    modules = list(modules)
    poms = {
        "": _parent_pom([_DISTRIBUTION_FOLDER, *(module.name for module in modules)], dependency_plugin),
        _DISTRIBUTION_FOLDER: _pom(_DISTRIBUTION_FOLDER, *_DISTRIBUTION, version, "zip", ()),
    }
    for module in modules:
        poms[module.name] = _pom(module.name, _MODULE_GROUP, module.name, version, "jar", module.without)
        folder = directory / "modules" / module.name
        folder.mkdir(parents=True)
        (folder / "plugin-descriptor.properties").write_text(module.descriptor(version))
        if module.permissions:
            (folder / "plugin-security.policy").write_text(module.policy())
    for name, pom in poms.items():
        folder = directory / "maven" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "pom.xml").write_text(pom)


def _parent_pom(folders: Iterable[str], dependency_plugin: str) -> str:
    listed = "".join(f"<module>{escape(folder)}</module>" for folder in folders)
    return _project(
        "modules",
        f"""<packaging>pom</packaging>
<modules>{listed}</modules>
<build><plugins><plugin>
  <groupId>org.apache.maven.plugins</groupId>
  <artifactId>maven-dependency-plugin</artifactId>
  <version>{escape(dependency_plugin)}</version>
  <executions><execution>
    <phase>package</phase>
    <goals><goal>copy-dependencies</goal></goals>
    <configuration><outputDirectory>${{project.basedir}}/jars</outputDirectory></configuration>
  </execution></executions>
</plugin></plugins></build>""",
    )


def _pom(folder: str, group: str, artifact: str, version: str, kind: str, without: Iterable[str]) -> str:
    exclusions = "".join(
        f"<exclusion><groupId>{escape(each.partition(':')[0])}</groupId>"
        f"<artifactId>{escape(each.partition(':')[2])}</artifactId></exclusion>"
        for each in without
    )
    return _project(
        f"{folder}-jars",
        f"""<parent><groupId>local</groupId><artifactId>modules</artifactId><version>1</version></parent>
<packaging>pom</packaging>
<dependencies><dependency>
  <groupId>{escape(group)}</groupId>
  <artifactId>{escape(artifact)}</artifactId>
  <version>{escape(version)}</version>
  <type>{escape(kind)}</type>
  <exclusions>{exclusions}</exclusions>
</dependency></dependencies>""",
    )


def _project(artifact: str, content: str) -> str:
    return f"""<project>
<modelVersion>4.0.0</modelVersion>
<groupId>local</groupId>
<artifactId>{escape(artifact)}</artifactId>
<version>1</version>
{content}
</project>
"""
