"""What engines say when they can't pull, and what is made of it. The words are Docker's own, of 20.10 unless noted."""

import pytest

from capture.pull_error import PullError, PullFailure, failure_of

ABSENT = (
    "manifest for 127.0.0.1:5/debian:x not found: manifest unknown: manifest unknown",
    "repository 127.0.0.1:5/debian not found: name unknown: name_unknown",
    "no matching manifest for linux/arm64/v8 in the manifest list entries",
    # 28 with containerd's image store
    'failed to resolve reference "docker.io/library/debian:x": docker.io/library/debian:x: not found',
)
REFUSED = (
    "unauthorized: authentication required",
    "pull access denied for team/x, repository does not exist or may require 'docker login': denied: denied",
    'Head "http://127.0.0.1:5/v2/debian/manifests/x": no basic auth credentials',
    "toomanyrequests: You have reached your pull rate limit. You may increase the limit by authenticating and upgrading",
    # 28 with containerd's image store
    "failed to authorize: failed to fetch anonymous token: unexpected status from GET request to https://a.example: 401 Unauthorized",
)
FAULTY = (
    "received unexpected HTTP status: 500 Internal Server Error",
    "error parsing HTTP 403 response body: invalid character '<' looking for beginning of value: \"<html>no</html>\"",
    "manifest verification failed for digest sha256:1111",
    "error unmarshalling content: invalid character '<' looking for beginning of value",
)
UNREACHABLE = (
    'Get "https://registry-1.docker.io/v2/": dial tcp: lookup registry-1.docker.io on 10.0.0.1:53: no such host',
    'Get "http://127.0.0.1:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused',
    'Get "https://a.example/v2/": net/http: request canceled (Client.Timeout exceeded while awaiting headers)',
    'Get "https://a.example/v2/": EOF',
    'Get "https://a.example/v2/": x509: certificate signed by unknown authority',
    # The service that gives tokens can't be reached (28 with containerd's image store).
    'failed to authorize: failed to fetch anonymous token: Get "https://a.example/token": dial tcp: lookup a.example: no such host',
)
CASES = [
    *((words, PullFailure.ABSENT) for words in ABSENT),
    *((words, PullFailure.REFUSED) for words in REFUSED),
    *((words, PullFailure.FAULTY) for words in FAULTY),
    *((words, PullFailure.UNREACHABLE) for words in UNREACHABLE),
]


@pytest.mark.parametrize(("words", "failure"), CASES)
def test_the_engines_words_say_what_went_wrong(words: str, failure: PullFailure) -> None:
    assert failure_of(words, begun=False) is failure


@pytest.mark.parametrize(
    "words",
    [
        "unexpected EOF",
        "expected HTTP 206 from byte range request",
        "filesystem layer verification failed for digest sha256:6b49",
        "unknown blob",
        "write /var/lib/docker/tmp/GetImageBlob1: no space left on device",
        'Get "https://cdn.example/x": dial tcp 10.0.0.1:443: i/o timeout',
    ],
)
def test_a_registry_that_had_begun_to_give_the_image_did_answer(words: str) -> None:
    assert failure_of(words, begun=True) is PullFailure.BROKEN_OFF


def test_a_reason_is_given_where_it_says_more() -> None:
    assert PullError("dial tcp", PullFailure.UNREACHABLE).why == "no registry answers"
    assert PullError("manifest unknown", PullFailure.ABSENT).why == "the registry has none"
    refused = PullError("denied\nmore", PullFailure.REFUSED)
    assert refused.why == "the registry does not give it (denied)"
    assert len(PullError("x" * 1000, PullFailure.FAULTY).why) < 250
