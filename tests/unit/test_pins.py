"""Renewing what downloads are checked against."""

from pathlib import Path

from capture import pins
from capture.pins import by_path, with_digest
from capture.versions import DIGESTS


def test_files_are_in_the_order_of_their_paths() -> None:
    assert by_path("02  b/x.jar\n\n# words\n01  c.pom\n03  a.zip\n") == "03  a.zip\n02  b/x.jar\n01  c.pom\n"


def test_a_digest_is_replaced_and_nothing_else() -> None:
    versions = Path(pins._VERSIONS).read_text()
    for name, digest in DIGESTS.items():
        new = with_digest(versions, name, "sha256:new")
        assert new == versions.replace(digest, "sha256:new")
        assert new != versions
