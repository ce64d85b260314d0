"""Names of images: what the distribution project's own tests accept and refuse (reference_test.go, normalize_test.go)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture.reference import InvalidReferenceError, Reference, parse_pinned, parse_reference


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("haproxy-primary", Reference("docker.io", "library/haproxy-primary", "latest")),
        (
            "docker.io/library/haproxy-primary:latest",
            Reference("docker.io", "library/haproxy-primary", "latest"),
        ),
        ("index.docker.io/library/a", Reference("docker.io", "library/a", "latest")),
        ("team/haproxy:1.0", Reference("docker.io", "team/haproxy", "1.0")),
        ("localhost/a", Reference("localhost", "a", "latest")),
        ("localhost:5000/a:b", Reference("localhost:5000", "a", "b")),
        ("Registry.example.com/a", Reference("Registry.example.com", "a", "latest")),
        ("HOST/a", Reference("HOST", "a", "latest")),
        ("[2001:db8::1]:5000/a:1", Reference("[2001:db8::1]:5000", "a", "1")),
        ("a.b/c_d", Reference("a.b", "c_d", "latest")),
        ("a__b---c", Reference("docker.io", "library/a__b---c", "latest")),
        ("a:_B.c-", Reference("docker.io", "library/a", "_B.c-")),
        ("team/" + "a" * 240, Reference("docker.io", "team/" + "a" * 240, "latest")),
        ("a:" + "t" * 128, Reference("docker.io", "library/a", "t" * 128)),
    ],
)
def test_valid_names(text: str, reference: Reference) -> None:
    assert parse_reference(text) == reference


@pytest.mark.parametrize(
    "text",
    [
        "", ":tag", "a:", "A", "a/B", "a:b c", "a b", "a:-b", "a:.b", "a:" + "t" * 129, "-a", "a-", "a_", "a___b", "a..b", "a//b",
        "/a", "a/", "a@sha256:" + "0" * 64, "0" * 64, "a\n", "a:b\n", "ä", "a:ä", "-host.example/a", "host..example/a",
        "localhost:x/a", "docker.io/team/" + "a" * 241, "a" * 238, "https://example.com/a",
    ],
)  # fmt: skip
def test_invalid_names(text: str) -> None:
    with pytest.raises(InvalidReferenceError):
        parse_reference(text)


@pytest.mark.parametrize(
    ("text", "digest"), [("a", ""), ("a:b", ""), ("h.example/a:b@sha256:" + "0f" * 32, "sha256:" + "0f" * 32)]
)
def test_what_is_pulled_may_have_a_digest(text: str, digest: str) -> None:
    assert parse_pinned(text) == (parse_reference(text.partition("@")[0]), digest)


@pytest.mark.parametrize(
    "text", ["a@", "a@sha256:", "a@sha256:" + "F" * 64, "a@md5:" + "0" * 32, "a@sha256:" + "0" * 65, "A@sha256:" + "0" * 64]
)  # fmt: skip
def test_invalid_digests(text: str) -> None:
    with pytest.raises(InvalidReferenceError):
        parse_pinned(text)


@given(st.text(alphabet="aB0.:/-_[]@ ", max_size=20))
def test_the_short_spelling_names_the_same_image(text: str) -> None:
    try:
        reference = parse_reference(text)
    except InvalidReferenceError:
        return
    assert parse_reference(reference.familiar) == reference
