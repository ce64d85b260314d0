"""Names of images, by the grammar of the distribution project (github.com/distribution/reference, ``reference.go``)."""

import re
from dataclasses import dataclass

_DOMAIN_COMPONENT = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_DOMAIN = re.compile(rf"(?:{_DOMAIN_COMPONENT}(?:\.{_DOMAIN_COMPONENT})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?")
_PATH_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_PATH = re.compile(rf"{_PATH_COMPONENT}(?:/{_PATH_COMPONENT})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_NAME_LENGTH = 255
_DIGEST = re.compile(r"sha256:[a-f0-9]{64}")


class InvalidReferenceError(ValueError):
    """Not the name of an image."""


@dataclass(frozen=True)
class Reference:
    """The name of an image in full, so that two spellings of one name are equal."""

    domain: str
    path: str
    tag: str

    @property
    def familiar(self) -> str:
        """The short spelling: without the default registry."""
        return f"{self.untagged}:{self.tag}"

    @property
    def untagged(self) -> str:
        """The short spelling without the tag."""
        if self.domain != "docker.io":
            return f"{self.domain}/{self.path}"
        return self.path.removeprefix("library/")


def parse_reference(text: str) -> Reference:
    """Read ``[DOMAIN/]PATH[:TAG]``; a digest is refused, since an image can't be built or imported under one.

    Raises:
        InvalidReferenceError: ``text`` is no such name.
    """
    if "@" in text:
        raise InvalidReferenceError("a name with a digest can't be given to an image")
    name, colon, tag = text.rpartition(":")
    if not colon or "/" in tag:
        name, tag = text, "latest"
    if not _TAG.fullmatch(tag):
        raise InvalidReferenceError(
            "a tag has up to 128 letters, digits, '_', '.' and '-', the first none of '.' and '-'"
        )
    domain, path = _split_domain(name)
    if domain is not None and not _DOMAIN.fullmatch(domain):
        raise InvalidReferenceError(f"'{domain}' is no registry")
    if path != path.lower():
        raise InvalidReferenceError("the name must be lower case")
    if not _PATH.fullmatch(path):
        raise InvalidReferenceError(
            "a name has lower-case letters and digits, with '.', '_', '__', '-' or '/' between them"
        )
    if domain is None and re.fullmatch(r"[a-f0-9]{64}", path):
        raise InvalidReferenceError("64 hexadecimal digits are an image's id, not a name")
    if domain in (None, "docker.io", "index.docker.io"):
        domain, path = "docker.io", path if "/" in path else f"library/{path}"
    if len(f"{domain}/{path}") > _NAME_LENGTH:
        raise InvalidReferenceError(f"a name has at most {_NAME_LENGTH} characters, its registry included")
    return Reference(str(domain), path, tag)


def parse_pinned(text: str) -> tuple[Reference, str]:
    """Read ``[DOMAIN/]PATH[:TAG][@sha256:HEX]``: what is pulled or built on, and its digest (empty: any).

    Raises:
        InvalidReferenceError: ``text`` is no such name.
    """
    name, at, digest = text.partition("@")
    if at and not _DIGEST.fullmatch(digest):
        raise InvalidReferenceError("a digest is sha256: and 64 hexadecimal digits in lower case")
    return parse_reference(name), digest


def _split_domain(name: str) -> tuple[str | None, str]:
    """As ``splitDockerDomain`` does: the first part is a registry when nothing else could look like it."""
    first, slash, rest = name.partition("/")
    if slash and (set(".:") & set(first) or first == "localhost" or first != first.lower()):
        return first, rest
    return None, name
