"""Which Debian release an image is of, by its name, and what follows from it."""

from capture.reference import parse_pinned
from capture.versions import HAPROXY, IN_THE_MAKING


def bootstrap_suite(name: str) -> str | None:
    """The release that the image ``name`` can be bootstrapped from, or None when it can't: nothing made here has a given digest."""
    reference, digest = parse_pinned(name)
    if digest or reference.domain != "docker.io" or reference.path != "library/debian":
        return None
    suite, _, kind = reference.tag.rpartition("-")
    return suite if kind == "slim" and suite in HAPROXY else None


def check_valid_until(name: str) -> str:
    """``true``, or ``false`` where apt has to take package lists of the image ``name`` that are out of date.

    The date keeps somebody between us and the archive from showing an old state of it, with known holes. Only a release that is not out
    yet has lists on each day, and may have to be read from an archive that stands still.
    """
    return "false" if parse_pinned(name)[0].tag.partition("-")[0] in IN_THE_MAKING else "true"
