"""Which answers are errors."""

import pytest

from traffic.operations import Request
from traffic.outcome import error_of

SEARCH = (
    b'{"took":1,"timed_out":false,"_shards":{"total":2,"successful":2,"skipped":0,"failed":%d},"hits":{}}'
)


@pytest.mark.parametrize(
    ("path", "status", "body", "error"),
    [
        ("/i/_search", 200, SEARCH % 0, None),
        ("/i/_search", 200, SEARCH % 1, "search answered in part"),
        ("/i/_search?scroll=1m", 200, SEARCH % 12, "search answered in part"),
        ("/_search/scroll", 200, SEARCH % 1, "search answered in part"),
        ("/i/_search", 200, (SEARCH % 0).replace(b"false", b"true"), "search answered in part"),
        ("/i/_search", 200, SEARCH % 0 + b' "failed":3' * 300, "search answered in part"),
        ("/i/_search", 200, SEARCH % 0 + b" " * 2048 + b'"failed":3', None),
        ("/i/_search", 429, b"{}", "status 429"),
        ("/i/_search", 404, b"{}", "status 404"),
        ("/i/_search", 302, b"", "status 302"),
        ("/i/_bulk", 200, b'{"took":30,"errors":false,"items":[]}', None),
        ("/i/_bulk", 200, b'{"took":30,"errors":true,"items":[]}', "documents refused in a bulk"),
        ("/i/_bulk", 200, b'{\n "errors" : true }', "documents refused in a bulk"),
        ("/i/_doc/1", 201, b'{"result":"created"}', None),
        ("/i/_doc/1", 200, b'{"errors":true}', None),
        (
            "/i/_msearch",
            200,
            b'{"responses":[{"error":{"type":"x"},"status":400}]}',
            "error in a part of _msearch",
        ),
        ("/i/_msearch", 200, b'{"responses":[{"message":"\\"error\\":{"}]}', None),
        ("/i/_mget", 200, b'{"docs":[{"found":false}]}', None),
        ("/i/_mget", 200, b'{"docs":[{"_id":"1","error":{}}]}', "error in a part of _mget"),
    ],
)
def test_an_answer(path: str, status: int, body: bytes, error: str | None) -> None:
    assert error_of(Request("POST", path), status, body) == error


@pytest.mark.parametrize(
    ("absent_is_fine", "body", "error"),
    [
        (True, b'{"_id":"1","found":false}', None),
        (True, b'{"error":{"type":"index_not_found_exception"},"status":404}', "status 404"),
        (False, b'{"_id":"1","found":false}', "status 404"),
    ],
)
def test_a_document_that_is_absent(absent_is_fine: bool, body: bytes, error: str | None) -> None:
    assert error_of(Request("GET", "/i/_doc/1", absent_is_fine=absent_is_fine), 404, body) == error
