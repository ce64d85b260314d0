"""Footprints where bodies are long, coded, cut or hostile; and what is learnt from answers."""

import gzip
import tracemalloc
import zlib
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.footprints import content
from agent.footprints.bulk_request import BulkRequest
from agent.footprints.footprint import EVERYTHING, NO_INDEX, Documents, Footprint, must_wait
from agent.footprints.index_names import KnownIndices, is_plain, names_of
from agent.footprints.reading import Footprints
from agent.footprints.request_bodies import mget_items
from agent.footprints.target import parse_target, unescaped
from record.transaction import Transaction
from tests.unit.footprint_words import footprints, transaction, words

JSON = b"content-type: application/json\r\n\r\n"
GZIP = b"content-encoding: gzip\r\ncontent-type: application/json\r\n\r\n"
DEFLATE = b"content-encoding: deflate\r\ncontent-type: application/json\r\n\r\n"

BULK = b'{"index":{"_index":"logs","_id":"1"}}\n{"a":1}\n{"delete":{"_index":"users","_id":"2"}}\n'
WRITTEN = b'{"_index":"logs-1","_type":"_doc","_id":"7","_version":1,"result":"created"}'
SHARDS = b'"took":5,"timed_out":false,"_shards":{"total":1,"successful":1,"skipped":0,"failed":0},'


def item(index: str, document_id: str) -> bytes:
    return (
        f'{{"index":{{"_index":"{index}","_type":"_doc","_id":"{document_id}","_version":1,"result":"created",'
        '"_shards":{"total":2,"successful":1,"failed":0},"_seq_no":0,"_primary_term":1,"status":201}}'
    ).encode()


class Long:
    """A long body in chunks, which perhaps breaks off."""

    def __init__(self, data: bytes, chunk: int = 1024 * 1024, breaks: bool = False) -> None:
        self._data, self._chunk, self._breaks = data, chunk, breaks

    @property
    def wire_bytes(self) -> int:
        return len(self._data)

    def chunks(self) -> Iterator[bytes]:
        for at in range(0, len(self._data), self._chunk):
            yield self._data[at : at + self._chunk]
        if self._breaks:
            raise OSError("gone")


def with_long(t: Transaction, request: Long | None = None, response: Long | None = None) -> Transaction:
    if request is not None:
        t.request_long, t.request_body, t.request_whole = request, b"", False
    if response is not None:
        t.response_long, t.response_body, t.response_whole = response, b"", False
    return t


def read(t: Transaction, reader: Footprints | None = None) -> str:
    *slices, footprint = (reader or footprints()).reading(t)
    assert footprint is not None
    assert not any(slices)
    return words(footprint)


def feed(bulk: BulkRequest, data: bytes) -> int:
    """How many steps it took."""
    steps = 1
    while bulk.feed(data):
        data = b""
        steps += 1
    return steps


class TestCodedBodies:
    @pytest.mark.parametrize(
        ("headers", "coded"), [(GZIP, gzip.compress(BULK)), (DEFLATE, zlib.compress(BULK))]
    )
    def test_requests_are_decoded(self, headers: bytes, coded: bytes) -> None:
        t = transaction("POST", "/_bulk", coded, request_headers=headers)
        assert words(footprints().of(t)) == "writes logs/1, users/2"
        assert read(with_long(t, Long(coded, 10))) == "writes logs/1, users/2"

    def test_answers_are_decoded(self) -> None:
        t = transaction("POST", "/alias/_doc", b"{}", gzip.compress(WRITTEN), 201, response_headers=GZIP)
        assert words(footprints().of(t)) == "writes logs-1/7"
        assert read(with_long(t, None, Long(t.response_body))) == "writes logs-1/7"

    @pytest.mark.parametrize("coding", [b"br", b"gzip, gzip", b"nonsense"])
    def test_unknown_codings_are_not_read(self, coding: bytes) -> None:
        t = transaction("POST", "/_bulk", BULK, request_headers=b"content-encoding: " + coding + b"\r\n\r\n")
        assert words(footprints().of(t)) == "everything"
        assert read(with_long(t, Long(BULK))) == "everything"

    def test_damaged_bodies_are_not_read(self) -> None:
        t = transaction("POST", "/logs/_bulk", gzip.compress(BULK)[:-9], request_headers=GZIP)
        assert words(footprints().of(t)) == "everything"
        assert read(with_long(t, Long(t.request_body))) == "everything"

    def test_a_coding_named_elsewhere_is_none(self) -> None:
        t = transaction("POST", "/_bulk", BULK, request_headers=b"x: content-encoding: gzip\r\n\r\n")
        assert words(footprints().of(t)) == "writes logs/1, users/2"

    @pytest.mark.parametrize("target", ["/_bulk", "/logs/_search", "/_mget", "/_reindex", "/alias/_doc/1"])
    def test_a_decompression_bomb_takes_little_memory(self, target: str) -> None:
        bomb = gzip.compress(b"{" + b" " * 32 * 1024 * 1024)
        t = transaction("POST", target, bomb, bomb, request_headers=GZIP, response_headers=GZIP)
        tracemalloc.start()
        footprints().of(t)
        for _ in footprints().reading(with_long(t, Long(bomb), Long(bomb))):
            pass
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 16 * 1024 * 1024


class TestLongBodies:
    @pytest.mark.parametrize("chunk", [1, 2, 7, 64, 10_000])
    def test_a_bulk_is_read_however_it_is_cut(self, chunk: int) -> None:
        answer = b'{"took":1,"errors":false,"items":[' + item("logs", "a") + b"," + item("l-1", "b") + b"]}"
        body = b'{"index":{"_index":"logs"}}\n{"a":1}\n{ "index":{"_index":"alias"} }\r\n{}\r\n'
        t = with_long(transaction("POST", "/_bulk"), Long(body, chunk), Long(answer, chunk))
        assert read(t) == "writes logs/a, l-1/b"

    def test_others_have_their_turn(self) -> None:
        document = b'{"index":{"_index":"logs","_id":"1"}}\n{"a":"' + b"x" * 1000 + b'"}\n'
        t = with_long(transaction("POST", "/_bulk"), Long(document * 2000))
        *slices, footprint = footprints().reading(t)
        assert len(slices) >= len(document) * 2000 // content.SLICE_BYTES
        assert footprint is not None

    def test_answers_in_slices(self) -> None:
        many = b",".join(item("logs", str(n)) for n in range(5000))
        body = b'{"index":{"_index":"logs"}}\n{}\n' * 5000
        t = transaction("POST", "/_bulk", body, b'{"took":1,"errors":false,"items":[' + many + b"]}")
        *slices, footprint = footprints().reading(t)
        assert len(slices) >= 5
        assert footprint is not None
        assert footprint.writes_documents == (Documents(b"logs", tuple(b"%d" % n for n in range(5000))),)

    def test_beyond_the_bound_it_is_everything(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("agent.footprints.bulk.MOST_BULK_BYTES", 1000)
        monkeypatch.setattr("agent.footprints.bulk.MOST_AT_ONCE_BYTES", 1000)
        body = b'{"index":{"_id":"1"}}\n{}\n' * 100
        assert read(with_long(transaction("POST", "/logs/_bulk"), Long(body, 300))) == "everything"
        assert read(with_long(transaction("POST", "/alias/_bulk"), Long(body, 300))) == "everything"
        assert words(footprints().of(transaction("POST", "/logs/_bulk", body))) == "everything"

    @pytest.mark.parametrize(
        ("target", "expected"),
        [
            ("/_bulk", "everything"),
            ("/logs/_bulk", "everything"),
            ("/logs/_search", "reads everything"),
            ("/_mget", "reads everything"),
            ("/logs/_update_by_query", "reads everything; writes logs"),
        ],
    )
    def test_a_body_that_breaks_off(self, target: str, expected: str) -> None:
        t = with_long(transaction("POST", target), Long(BULK, breaks=True))
        assert read(t) == expected
        assert words(footprints().without_bodies(t)) == expected

    def test_an_answer_that_breaks_off(self) -> None:
        t = with_long(
            transaction("POST", "/logs/_bulk", b'{"index":{}}\n{}\n'), None, Long(b"{", breaks=True)
        )
        assert read(t) == "everything"

    def test_a_long_search(self) -> None:
        body = b'{"query":{"terms":{"a":[' + b"1," * 100_000 + b"1]}}}"
        assert read(with_long(transaction("POST", "/logs/_search"), Long(body))) == "reads logs"
        assert (
            read(with_long(transaction("POST", "/logs/_search"), Long(body + b' {"index":1}')))
            == "reads everything"
        )
        assert read(with_long(transaction("POST", "/logs/_search"), Long(body * 10))) == "reads everything"

    def test_a_prefix_is_not_the_body(self) -> None:
        for target, expected in (
            ("/_bulk", "everything"),
            ("/logs/_search", "reads everything"),
            ("/_mget", "reads everything"),
        ):
            t = transaction("POST", target, BULK)
            t.request_whole = False
            assert words(footprints().of(t)) == expected

    def test_a_body_that_was_not_seen(self) -> None:
        t = transaction("POST", "/logs/_search")
        t.request_whole, t.request_body_bytes = False, 300
        assert words(footprints().of(t)) == "reads everything"

    def test_the_start_of_an_answer_is_enough(self) -> None:
        t = transaction(
            "POST", "/logs/_search?scroll=1m", b"{}", b'{"_scroll_id":"s1",' + SHARDS + b'"hits":'
        )
        t.response_whole = False
        assert words(footprints().of(t)) == "reads logs; writes cursors/s1"
        long_answer = Long(t.response_body + b" " * 3_000_000)
        assert read(with_long(t, None, long_answer)) == "reads logs; writes cursors/s1"


class TestWhichBodiesAreNeeded:
    @pytest.mark.parametrize(
        ("method", "target", "request_matters", "answer_matters"),
        [
            ("POST", "/_bulk", True, True),
            ("POST", "/logs/_search", True, False),
            ("POST", "/logs/_search?scroll=1m", True, True),
            ("POST", "/_search/scroll", True, True),
            ("PUT", "/logs/_doc/1", False, False),
            ("POST", "/logs/_doc", False, True),
            ("GET", "/_cat/indices", False, False),
            ("PUT", "/_template/t", False, False),
            ("POST", "/_new", False, False),
            ("POST", "/logs/_msearch", True, False),
        ],
    )
    def test_needed(self, method: str, target: str, request_matters: bool, answer_matters: bool) -> None:
        reader = footprints()
        assert not reader.needs_long_bodies(transaction(method, target))
        assert reader.needs_long_bodies(with_long(transaction(method, target), Long(b"x"))) == request_matters
        assert (
            reader.needs_long_bodies(with_long(transaction(method, target), None, Long(b"x")))
            == answer_matters
        )

    def test_a_large_bulk_in_memory(self) -> None:
        reader = footprints()
        assert reader.needs_long_bodies(transaction("POST", "/_bulk", BULK * 2000))
        assert not reader.needs_long_bodies(transaction("POST", "/_bulk", BULK))
        assert not reader.needs_long_bodies(transaction("POST", "/logs/_search", BULK * 2000))


class TestLearning:
    def searched(self, reader: Footprints, target: str) -> str:
        return words(reader.of(transaction("POST", target, b"{}")))

    @pytest.mark.parametrize(
        ("method", "target", "body", "answer", "status"),
        [
            ("PUT", "/alias/_doc/1", "{}", WRITTEN, 201),
            ("POST", "/alias/_doc", "{}", WRITTEN, 201),
            ("POST", "/alias/_update/1", "{}", WRITTEN, 200),
            ("GET", "/alias/_doc/1", "", WRITTEN[:-1] + b',"found":true,"_source":{}}', 200),
            (
                "GET",
                "/alias/_doc/1?pretty",
                "",
                b'{\n  "_index" : "logs-1",\n  "_type" : "_doc",\n  "_id" : "1",\n',
                200,
            ),
            ("PUT", "/logs-1", "", b'{"acknowledged":true,"shards_acknowledged":true,"index":"logs-1"}', 200),
            (
                "PUT",
                "/logs/_clone/logs-1",
                "",
                b'{"acknowledged":true,"shards_acknowledged":true,"index":"logs-1"}',
                200,
            ),
            ("GET", "/logs-1", "", b'{"logs-1":{"aliases":{},"mappings":{}}}', 200),
            ("GET", "/alias/_mapping", "", b'{"logs-1":{"mappings":{}}}', 200),
            ("GET", "/_settings", "", b'{ "logs-1" : { "settings" : {}}}', 200),
            ("GET", "/alias/_alias", "", b'{"logs-1":{"aliases":{}}}', 200),
            (
                "GET",
                "/alias/_search",
                "",
                b"{" + SHARDS + b'"hits":{"total":1,"max_score":null,"hits":[{"_index":"logs-1"}]}}',
                200,
            ),
            (
                "GET",
                "/a*/_search",
                "",
                (
                    b'{"took":1,"timed_out":false,"num_reduce_phases":2,"_shards":{"total":1},"hits":{"total":{"value":1,"relation":"eq"},'
                    b'"max_score":1.0E-2,"hits":[{"_shard":"[logs-1][0]","_node":"n","_index":"logs-1","_id":"1"}]}}'
                ),
                200,
            ),
            (
                "POST",
                "/alias/_bulk",
                '{"index":{}}\n{}\n',
                b'{"took":1,"errors":false,"items":[' + item("logs-1", "1") + b"]}",
                200,
            ),
        ],
    )
    def test_names_are_learnt(self, method: str, target: str, body: str, answer: bytes, status: int) -> None:
        reader = footprints()
        assert self.searched(reader, "/logs-1/_search") == "reads everything"
        reader.of(transaction(method, target, body, answer, status))
        assert self.searched(reader, "/logs-1/_search") == "reads logs-1"
        assert self.searched(reader, "/alias/_search") == "reads everything"

    @pytest.mark.parametrize(
        ("method", "target", "answer", "status"),
        [
            # A document's own fields, where the answer is the document, or shows it.
            ("GET", "/logs/_source/1", WRITTEN, 200),
            ("GET", "/logs/_source/1", b'{"logs-1":{"mappings":{}}}', 200),
            ("GET", "/logs/_doc/1?filter_path=_source", WRITTEN, 200),
            (
                "GET",
                "/logs/_doc/1",
                b'{"_source":{"_index":"logs-1","_id":"1"},"_index":"logs-1","_id":"1"}',
                200,
            ),
            (
                "GET",
                "/logs/_search?filter_path=hits",
                b"{" + SHARDS + b'"hits":{"total":1,"hits":[{"_index":"logs-1"}]}}',
                200,
            ),
            (
                "GET",
                "/alias/_search",
                b'{"hits":{"total":1,"max_score":null,"hits":[{"_index":"logs-1"}]}}',
                200,
            ),
            (
                "GET",
                "/alias/_search",
                b"{"
                + SHARDS
                + b'"hits":{"total":1,"max_score":null,"hits":[{"_source":{"hits":[{"_index":"logs-1"}]}}]}}',
                200,
            ),
            (
                "GET",
                "/alias/_search",
                b"{" + SHARDS + b'"hits":{"total":1,"max_score":null,"hits":[{"_index":"remote:logs-1"}]}}',
                200,
            ),
            (
                "GET",
                "/alias/_search",
                b'{"took":1,"hits":{"hits":[{"_source":{'
                + SHARDS
                + b'"hits":{"total":1,"max_score":null,"hits":[{"_index":"logs-1"}]}}}]}}',
                200,
            ),
            # Names that are in errors.
            ("GET", "/logs-1/_doc/1", b'{"_index":"logs-1","_id":"1","found":false}', 404),
            ("PUT", "/logs-1", b'{"acknowledged":true,"shards_acknowledged":true,"index":"logs-1"}', 500),
            ("GET", "/logs-1/_mapping", b'{"logs-1":{"mappings":{}}}', 503),
            ("POST", "/logs-1/_doc", b'{"error":{"index":"logs-1"},"_index":"logs-1","_id":"1"}', 201),
            # No names.
            ("PUT", "/logs-1/_doc/1", b'{"_index":"","_id":"1"}', 201),
            ("PUT", "/logs-1/_doc/1", b'{"_index":"logs-1*","_id":"1"}', 201),
            ("GET", "/_all/_settings", b'{"_all":{"settings":{}}}', 200),
        ],
    )
    def test_nothing_is_learnt(self, method: str, target: str, answer: bytes, status: int) -> None:
        reader = footprints()
        before = reader.indices.generation
        reader.of(transaction(method, target, b"{}", answer, status))
        assert reader.indices.generation == before
        assert self.searched(reader, "/logs-1/_search") == "reads everything"

    def test_a_document_in_a_bulk_answer_teaches_nothing(self) -> None:
        inner = item("logs-1", "1").decode()
        shown = (
            b'{"update":{"_index":"alias","_id":"1","status":409,"error":{"reason":"x"},"get":{"_source":%s}}}'
            % inner.encode()
        )
        answer = b'{"took":1,"errors":true,"items":[' + shown + b"]}"
        reader = footprints()
        reader.of(transaction("POST", "/alias/_bulk", b'{"update":{"_id":"1"}}\n{}\n', answer))
        assert b"logs-1" not in reader.indices

    def test_a_name_that_turns_out_an_alias_is_forgotten(self) -> None:
        for method, target, body, answer in (
            ("GET", "/logs/_doc/1", b"", WRITTEN),
            (
                "POST",
                "/logs/_bulk",
                b'{"index":{"_id":"1"}}\n{}\n',
                b'{"took":1,"errors":false,"items":[' + item("logs-1", "1") + b"]}",
            ),
        ):
            reader = footprints()
            assert self.searched(reader, "/logs/_search") == "reads logs"
            reader.of(transaction(method, target, body, answer))
            assert self.searched(reader, "/logs/_search") == "reads everything"

    @pytest.mark.parametrize(
        ("method", "target", "body", "status", "left"),
        [
            ("DELETE", "/logs", b"", 200, 2),
            ("DELETE", "/logs,users", b"", 200, 1),
            ("DELETE", "/lo*", b"", 200, 0),
            ("DELETE", "/logs", b"", 404, 3),
            ("DELETE", "/logs", b"", 504, 2),
            ("DELETE", "/logs", b"", 0, 2),
            ("POST", "/_aliases", b'{"actions":[{"remove_index":{"index":"logs"}}]}', 200, 0),
            ("POST", "/_aliases", b'{"actions":[{"remove\\u005findex":{"index":"logs"}}]}', 200, 0),
            ("POST", "/_aliases", b'{"actions":[{"add":{"index":"logs","alias":"a"}}]}', 200, 3),
            ("POST", "/_aliases", b'{"actions":[{"remove_index":{"index":"logs"}}]}', 400, 3),
        ],
    )
    def test_removed_indices_are_forgotten(
        self, method: str, target: str, body: bytes, status: int, left: int
    ) -> None:
        reader = footprints()
        reader.of(transaction(method, target, body, b'{"acknowledged":true}', status))
        assert len(reader.indices) == left

    def test_what_is_remembered_of_a_target_follows_what_is_known(self) -> None:
        reader = footprints()
        assert self.searched(reader, "/logs/_search") == "reads logs"
        reader.indices.forget(b"logs")
        assert self.searched(reader, "/logs/_search") == "reads everything"
        reader.indices.learn(b"logs")
        assert self.searched(reader, "/logs/_search") == "reads logs"

    def test_without_bodies_nothing_is_learnt(self) -> None:
        reader = footprints()
        reader.without_bodies(transaction("PUT", "/alias/_doc/1", b"{}", WRITTEN, 201))
        assert b"logs-1" not in reader.indices


class TestKnownIndices:
    def test_it_is_bounded_and_keeps_what_came_last(self) -> None:
        known = KnownIndices(most=100)
        for n in range(10_000):
            known.learn(b"used-always")
            known.learn(b"index-%d" % n)
        assert len(known) <= 200
        assert b"used-always" in known
        assert b"index-9999" in known
        assert b"index-0" not in known

    def test_dropped_names_change_the_generation(self) -> None:
        known = KnownIndices(most=2)
        for name in (b"a", b"b", b"c"):
            known.learn(name)
        before = known.generation
        known.learn(b"d")
        assert b"a" not in known
        assert known.generation > before

    @pytest.mark.parametrize(
        "name",
        [b"", b"_all", b"a*", b"-a", b"+a", b"a,b", b"r:a", b"<a>", b"A", b"..", b"a b", b"a" * 256, b"a\n"],
    )
    def test_what_is_no_name(self, name: bytes) -> None:
        known = KnownIndices()
        known.learn(name)
        assert not is_plain(name)
        assert len(known) == 0
        assert names_of(name) == (() if name != b"a,b" else (b"a", b"b"))

    def test_long_lists_count_as_every_index(self) -> None:
        assert names_of(b",".join(b"a%d" % n for n in range(1000))) == ()


class TestHostileRequests:
    def test_many_escapes_and_parameters(self) -> None:
        target = parse_target(b"/" + b"%41" * 20_000 + b"?" + b"a=b&" * 20_000 + b"last=1")
        assert unescaped(target.segments[0]) == b"A" * 20_000
        assert len(target.parameters) == 1

    @pytest.mark.parametrize(
        "unit", [b"/", b"/a", b"/_doc", b"/_x/", b"a,", b"%2", b"?", b"&;", b"/_search", b"/%5F"]
    )
    def test_long_targets(self, unit: bytes) -> None:
        for method in ("GET", "POST"):
            footprints().of(transaction(method, b"/" + unit * 20_000))

    @pytest.mark.parametrize(
        "start",
        [
            b'{"index":{"_index":"a",',
            b'{"index":{' + b" " * 50_000,
            b'{"index":{"_id":"' + b"x" * 70_000,
            b'{"index":{"_id":1' + b"1" * 5000 + b"}}\n{}\n",
            b'{"index":' * 5000,
            b"\n" * 50_000,
            b'{"index":{"_index":"a","_index":"b","_id":"1","_id":"2"}}\n{}\n',
        ],
    )
    def test_odd_action_lines(self, start: bytes) -> None:
        reader = footprints()
        for body in (start, start + b"\n", start * 10):
            assert isinstance(reader.of(transaction("POST", "/_bulk", body)), Footprint)
            list(reader.reading(with_long(transaction("POST", "/_bulk"), Long(body, 1000))))

    @pytest.mark.parametrize("line", [b'{"delete":{"_id":"1"}}\n', b'{"delete":{"_id":1}}\n'])
    def test_many_short_lines_take_many_steps(self, line: bytes) -> None:
        bulk = BulkRequest()
        assert feed(bulk, line * 5000) >= 5
        assert bulk.count == 5000

    @pytest.mark.parametrize("blank", [b"\n", b"\r\n", b" ", b" \n\t"])
    def test_blank_lines_are_left_out_together(self, blank: bytes) -> None:
        bulk = BulkRequest()
        assert feed(bulk, blank * 50_000 + b'{"delete":{"_id":"1"}}\n') == 1
        assert bulk.items == [(b"", b"1")]

    def test_many_searches_read_everything(self) -> None:
        assert (
            words(footprints().of(transaction("POST", "/logs/_msearch", b"\n" * 500_000)))
            == "reads everything"
        )

    def test_many_indices_in_a_bulk(self) -> None:
        body = b"".join(b'{"delete":{"_index":"i%d","_id":"1"}}\n' % n for n in range(5000))
        assert footprints().of(transaction("POST", "/_bulk", body)) == EVERYTHING

    def test_the_rest_of_a_bulk_with_too_many_documents_is_not_kept(self) -> None:
        bulk = BulkRequest()
        for _ in range(50):
            feed(bulk, b'{"index":{"_index":"logs","_id":"1"}}\n{}\n' * 1000)
        assert bulk.too_many
        assert len(bulk.items) == 10_000

    def test_deep_json(self) -> None:
        for target in ("/_mget", "/_reindex", "/_search/scroll", "/_sql", "/_search", "/_msearch"):
            for body in (b"[" * 500_000, b'{"pit":' * 100_000, b'{"cursor":' * 100_000):
                footprints().of(transaction("POST", target, body, body))

    def test_as_many_documents_as_are_kept(self) -> None:
        ids = ",".join(f'"{n}"' for n in range(10_001))
        assert mget_items(f'{{"ids":[{ids}]}}'.encode()) is None

    def test_long_cursors_are_kept_short(self) -> None:
        t = transaction("GET", b"/_search/scroll/" + b"s" * 10_000)
        for documents in footprints().of(t).writes_documents:
            assert all(len(one) <= 64 for one in documents.ids)


METHODS = st.sampled_from(
    [b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH", b"TRACE", b""]
) | st.binary(max_size=8)
SEGMENTS = st.sampled_from(
    [
        b"logs",
        b"alias",
        b"a*",
        b"_all",
        b"_search",
        b"_doc",
        b"_bulk",
        b"_mget",
        b"_msearch",
        b"_reindex",
        b"_sql",
        b"_pit",
        b"scroll",
        b"_update",
        b"_create",
        b"_source",
        b"_aliases",
        b"_async_search",
        b"_eql",
        b"search",
        b"_plugins",
        b"",
        b"%5F",
        b"1",
        b"_tasks",
    ]
)
QUERIES = st.sampled_from(
    [
        b"",
        b"?scroll=1m",
        b"?filter_path=a",
        b"?wait_for_completion=false",
        b"?source={}",
        b"?ids=1,2",
        b"?&;=%",
    ]
)
TARGETS = st.binary(max_size=60) | st.builds(
    lambda parts, query: b"/" + b"/".join(parts) + query, st.lists(SEGMENTS, max_size=5), QUERIES
)
PIECES = st.sampled_from(
    [
        b"{",
        b"}",
        b"[",
        b"]",
        b'"',
        b":",
        b",",
        b"\n",
        b"\r\n",
        b'"index"',
        b'"_index":"logs"',
        b'"_id":"1"',
        b'{"index":{"_id":"1"}}\n{}\n',
        b'{"_index":"l","_id":"1"',
        b'"docs":[',
        b'"ids":[',
        b"1",
        b"null",
        b'"items":[',
        b'{"took":1,',
        b'"errors":false,',
        b'"scroll_id":',
        b"\\",
        b'"source":{"index":"logs"}',
        b'"dest":',
        b'"pit":{"id":"p"}',
        b'"cursor":',
        b"\xff",
        b"\x00",
    ]
)
BODIES = st.binary(max_size=80) | st.lists(PIECES, max_size=12).map(b"".join)
HEADERS = st.sampled_from([JSON, GZIP, DEFLATE, b"", b"content-encoding: br\r\n\r\n", b"cursor: x\r\n\r\n"])
STATUSES = st.sampled_from([0, 200, 201, 400, 404, 405, 409, 500])


@given(METHODS, TARGETS, BODIES, BODIES, STATUSES, HEADERS, HEADERS, st.booleans(), st.integers(1, 40))
def test_anything_has_a_footprint(
    method: bytes,
    target: bytes,
    body: bytes,
    answer: bytes,
    status: int,
    request_headers: bytes,
    response_headers: bytes,
    whole: bool,
    chunk: int,
) -> None:
    t = transaction("", target, body, answer, status, request_headers, response_headers)
    t.method, t.request_whole = method, whole
    reader = footprints()
    in_memory = reader.of(t)
    in_slices = list(footprints().reading(t))[-1]
    assert in_slices == in_memory
    widest = footprints().without_bodies(t)
    assert isinstance(widest, Footprint)
    # Nothing is written of which the target alone did not warn.
    assert widest.writes or not in_memory.writes
    assert footprints().needs_long_bodies(t) is False
    list(footprints().reading(with_long(t, Long(body, chunk), Long(answer, chunk))))


DOCUMENTS = st.lists(
    st.tuples(
        st.sampled_from(["index", "create", "delete", "update"]),
        st.sampled_from(["logs", "users", "alias"]),
        st.none() | st.text(min_size=1, max_size=8),
        st.text(max_size=30),
    ),
    max_size=8,
)


@given(DOCUMENTS, st.integers(1, 50), st.booleans(), st.sampled_from([None, (",", ":")]))
def test_bulks_as_clients_write_them(
    documents: list[tuple[str, str, str | None, str]],
    chunk: int,
    ascii_only: bool,
    separators: tuple[str, str] | None,
) -> None:
    import json  # noqa: PLC0415 - this test's only

    lines, expected = [], []
    for action, index, document_id, text in documents:
        fields = {"_index": index} | ({} if document_id is None else {"_id": document_id})
        lines.append(json.dumps({action: fields}, ensure_ascii=ascii_only, separators=separators))
        if action != "delete":
            lines.append(json.dumps({"text": text}, ensure_ascii=ascii_only))
        expected.append((index.encode(), (document_id or "").encode()))
    body = "".join(line + "\n" for line in lines).encode()
    bulk = BulkRequest()
    for at in range(0, len(body), chunk):
        feed(bulk, body[at : at + chunk])
    bulk.end()
    assert not bulk.broken
    assert bulk.items == expected


def test_a_page_of_a_scroll_waits_for_the_page_before_and_for_no_other_scroll() -> None:
    reader = footprints()
    first = reader.of(transaction("POST", "/logs/_search?scroll=1m", b"{}", b'{"_scroll_id":"s1"}'))
    other = reader.of(transaction("POST", "/logs/_search?scroll=1m", b"{}", b'{"_scroll_id":"s2"}'))
    page = reader.of(transaction("POST", "/_search/scroll", b'{"scroll_id":"s1"}', b'{"_scroll_id":"s1"}'))
    end = reader.of(transaction("DELETE", "/_search/scroll", b'{"scroll_id":"s1"}'))
    write = reader.of(transaction("PUT", "/logs/_doc/1", b"{}"))
    assert must_wait(page, first)
    assert must_wait(page, page)
    assert must_wait(end, page)
    assert not must_wait(page, other)
    assert not must_wait(page, write)
    assert not must_wait(other, first)
    assert not must_wait(write, first)


def test_what_reads_the_cluster_waits_for_those_that_write_everything() -> None:
    reader = footprints()
    templates = reader.of(transaction("GET", "/_template"))
    assert must_wait(templates, EVERYTHING)
    for method, target in (
        ("PUT", "/alias/_doc/1"),
        ("POST", "/alias/_doc"),
        ("POST", "/_refresh"),
        ("DELETE", "/logs"),
    ):
        assert not must_wait(templates, reader.of(transaction(method, target, b"{}")))


def test_a_search_after_a_refresh_and_a_write_after_it() -> None:
    reader = footprints()
    refresh = reader.of(transaction("POST", "/logs/_refresh"))
    assert must_wait(reader.of(transaction("POST", "/logs/_search", b"{}")), refresh)
    assert not must_wait(reader.of(transaction("PUT", "/logs/_doc/1", b"{}")), refresh)
    assert must_wait(refresh, reader.of(transaction("PUT", "/logs/_doc/1", b"{}")))
    assert must_wait(refresh, Footprint(writes_documents=(Documents(NO_INDEX, (b"1",)),)))


def test_a_long_body_in_memory_bounds() -> None:
    t = transaction("POST", "/logs/_search", b"{" + b" " * (content.MOST_BODY_BYTES + 1))
    assert words(footprints().of(t)) == "reads everything"
