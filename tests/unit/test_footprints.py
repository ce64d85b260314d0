"""The table of footprints: what a request reads and writes, in words (``footprint_words.py``).

In all rows ``logs``, ``users`` and ``orders`` are known as concrete indices; every other name may be an alias, a data stream or nothing.
"""

from typing import NamedTuple

import pytest

from agent.footprints.endpoint_table import ENDPOINTS
from agent.footprints.endpoints import find
from agent.footprints.footprint import (
    CURSOR,
    EVERYTHING,
    NO_INDEX,
    READS_EVERYTHING,
    Documents,
    Footprint,
    must_wait,
)
from tests.unit.footprint_words import KNOWN, footprints, transaction, words
from tests.unit.regenerate_footprints_page import PAGE, page


class Row(NamedTuple):
    method: str
    target: str
    expected: str
    body: str = ""
    answer: str = ""
    status: int = 200


def _written(index: str, document_id: str) -> str:
    return f'{{"_index":"{index}","_type":"_doc","_id":"{document_id}","_version":1,"result":"created"}}'


def _item(action: str, index: str, document_id: str, status: int = 201) -> str:
    return (
        f'{{"{action}":{{"_index":"{index}","_type":"_doc","_id":"{document_id}","_version":1,"result":"created",'
        f'"_shards":{{"total":2,"successful":1,"failed":0}},"_seq_no":0,"_primary_term":1,"status":{status}}}}}'
    )


def _failed(action: str, index: str, document_id: str) -> str:
    error = '{"type":"mapper_parsing_exception","reason":"failed: {\\"index\\":{\\"_index\\":\\"orders\\",\\"_id\\":\\"9\\"}}"}'
    return f'{{"{action}":{{"_index":"{index}","_type":"_doc","_id":"{document_id}","status":400,"error":{error}}}}}'


def _bulk_answer(*items: str) -> str:
    return f'{{"took":7,"errors":false,"items":[{",".join(items)}]}}'


def _hits(index: str) -> str:
    shards = '"_shards":{"total":1,"successful":1,"skipped":0,"failed":0}'
    return (
        f'{{"took":5,"timed_out":false,{shards},"hits":{{"total":{{"value":1,"relation":"eq"}},"max_score":1.0,'
        f'"hits":[{{"_index":"{index}","_id":"1","_source":{{}}}}]}}}}'
    )


MATCH = '{"query":{"match_all":{}}}'
LOOKUP = '{"query":{"terms":{"user":{"index":"users","id":"2","path":"followers"}}}}'
INDEX_1 = '{"index":{"_index":"logs","_id":"1"}}\n{}\n'

DOCUMENTS = (
    Row("GET", "/logs/_doc/1", "reads logs/1"),
    Row("HEAD", "/logs/_doc/1", "reads logs/1"),
    Row("GET", "/logs/_doc/1?routing=a&realtime=false", "reads logs/1"),
    Row("GET", "/alias/_doc/1", "reads ?/1"),
    Row("GET", "/alias/_doc/1", "reads logs-1/1", answer=_written("logs-1", "1")),
    Row("GET", "/alias/_doc/1?filter_path=_index,_id", "reads ?/1", answer=_written("logs-1", "1")),
    Row("GET", "/alias/_doc/1", "reads ?/1", answer=_written("alias", "1"), status=404),
    Row("GET", "/logs/_source/1", "reads logs/1"),
    Row("HEAD", "/logs/_source/1", "reads logs/1"),
    Row("GET", "/alias/_source/1", "reads ?/1", answer='{"_index":"logs","_id":"1"}'),
    Row("GET", "/logs/tweet/1", "reads logs/1"),
    Row("GET", "/logs/tweet/1/_source", "reads logs/1"),
    # A type that is called as the endpoint.
    Row("GET", "/logs/_doc/_search", "reads logs"),
    Row("POST", "/logs/_doc/_count", "reads logs", body=MATCH),
    Row("POST", "/logs/_doc/_bulk", "writes logs/7", body='{"delete":{"_id":"7"}}\n'),
    Row("POST", "/logs/_doc/1/_update", "reads logs/1; writes logs/1", body='{"doc":{}}'),
    Row("GET", "/logs/_doc/1/_source", "reads logs/1"),
    Row("PUT", "/logs/_doc/_1", "writes logs/_1", body="{}"),
    Row("GET", "/logs/_explain/1", "reads logs/1", body=MATCH),
    Row("POST", "/logs/_explain/1", "reads everything", body=LOOKUP),
    Row("GET", "/logs/_termvectors/1", "reads logs/1"),
    Row("POST", "/logs/_termvectors", "reads logs", body='{"doc":{"a":"b"}}'),
    Row("PUT", "/logs/_doc/1", "writes logs/1", body="{}"),
    Row("POST", "/logs/_doc/1?refresh=true", "writes logs/1", body="{}"),
    Row("PUT", "/logs/_doc/1?op_type=create", "writes logs/1", body="{}", status=409),
    Row("PUT", "/alias/_doc/1", "writes ?/1", body="{}"),
    Row("PUT", "/alias/_doc/1", "writes logs-7/1", body="{}", answer=_written("logs-7", "1"), status=201),
    Row("PUT", "/logs/_doc/1", "writes logs-8/1", body="{}", answer=_written("logs-8", "1"), status=201),
    Row("PUT", "/*/_doc/1", "writes ?/1", body="{}", status=400),
    Row("PUT", "/logs/_create/1", "writes logs/1", body="{}"),
    Row("PUT", "/logs/tweet/1", "writes logs/1", body="{}"),
    Row("PUT", "/logs/tweet/1/_create", "writes logs/1", body="{}"),
    Row("DELETE", "/logs/_doc/1", "writes logs/1"),
    Row("DELETE", "/logs/_doc/1", "writes logs/1", answer=_written("logs", "1"), status=404),
    Row("POST", "/logs/_update/1", "reads logs/1; writes logs/1", body='{"doc":{}}'),
    Row("POST", "/logs/_update/1?_source=true", "reads logs/1; writes logs/1", body='{"doc":{}}'),
    Row("POST", "/logs/tweet/1/_update", "reads logs/1; writes logs/1", body='{"doc":{}}'),
    Row("POST", "/logs/_doc", "adds to logs", body="{}"),
    Row("POST", "/logs/_doc/", "adds to logs", body="{}"),
    Row("POST", "/alias/_doc", "adds to ?", body="{}"),
    Row("POST", "/logs/_doc", "writes logs/abc", body="{}", answer=_written("logs", "abc"), status=201),
    Row(
        "POST",
        "/stream/_doc",
        "writes .ds-s-000001/x",
        body="{}",
        answer=_written(".ds-s-000001", "x"),
        status=201,
    ),
    Row("POST", "/logs/_doc?filter_path=_id", "adds to logs", body="{}", answer='{"_id":"abc"}', status=201),
    Row("POST", "/logs/tweet", "writes logs/abc", body="{}", answer=_written("logs", "abc"), status=201),
    Row(
        "POST",
        "/%3Clogs-%7Bnow%2Fd%7D%3E/_doc",
        "writes logs-1/x",
        body="{}",
        answer=_written("logs-1", "x"),
        status=201,
    ),
    Row("PUT", "/%3Clogs-%7Bnow%2Fd%7D%3E/_doc/1", "writes ?/1", body="{}"),
)

TARGETS = (
    Row("GET", "/logs/_doc/a%2Fb", "reads logs/a/b"),
    Row("GET", "/logs/_doc/a%20b+c", "reads logs/a b+c"),
    Row("GET", "/logs/_doc/100%", "reads logs/100%"),
    Row("GET", "/logs/_doc/%C3%A9", "reads logs/é"),
    # Elasticsearch 7 takes this for a typed mapping, OpenSearch for a document: the wider of both.
    Row("GET", "/logs/_doc/_mapping", "reads logs"),
    Row("GET", "/logs/_doc/_stats", "reads logs/_stats"),
    Row("PUT", "/%6Cogs/_doc/1", "writes logs/1", body="{}"),
    Row("GET", "http://es:9200/logs/_search", "reads logs"),
    Row("GET", "https://es/logs/_doc/1?routing=2", "reads logs/1"),
    Row("GET", "http://es:9200", "nothing"),
    Row("GET", "http://es:9200?pretty", "nothing"),
    Row("PUT", "HTTPS://[::1]:9200/logs/_doc/1", "writes logs/1"),
    Row("GET", "//logs/_search", "reads everything"),
    # The empty segment is a type to Elasticsearch 7.
    Row("POST", "/logs//_search", "reads logs"),
    Row("PUT", "//logs/_doc/1", "everything"),
    Row("GET", "/logs/_search/", "reads logs"),
    Row("GET", "/logs/_search?", "reads logs"),
    Row("GET", "/logs/_search?q=a/b?c", "reads logs"),
    Row("POST", "/logs/../_search", "reads logs"),
    Row("POST", "/../logs/_search", "reads everything"),
    Row("GET", "logs/_search", "reads logs"),
    Row("POST", "/logs/%5Fsearch", "adds to logs"),
)

EXPRESSIONS = (
    Row("GET", "/logs,users/_search", "reads logs, users"),
    Row("GET", "/_search?index=logs", "reads logs"),
    Row("GET", "/logs/_search?index=users", "reads logs"),
    Row("POST", "/_bulk?index=logs", "writes logs/1", body='{"delete":{"_id":"1"}}\n'),
    Row("GET", "/logs,logs/_search", "reads logs"),
    Row("GET", "/logs%2Cusers/_search", "reads logs, users"),
    Row("GET", "/logs,alias/_search", "reads everything"),
    Row("GET", "/lo*/_search", "reads everything"),
    Row("GET", "/*/_search", "reads everything"),
    Row("GET", "/_all/_search", "reads everything"),
    Row("GET", "/%5Fall/_search", "reads everything"),
    Row("GET", "/logs,-users/_search", "reads everything"),
    Row("GET", "/-logs/_search", "reads everything"),
    Row("GET", "/remote:logs/_search", "reads everything"),
    Row("GET", "/<logs-{now/d}>/_search", "reads everything"),
    Row("GET", "/%3Clogs-%7Bnow%2Fd%7D%3E/_search", "reads everything"),
    Row("GET", "/logs,/_search", "reads everything"),
    Row("GET", "/LOGS/_search", "reads everything"),
    Row("GET", "/.kibana/_search", "reads everything"),
)

SEARCHES = (
    Row("GET", "/_search", "reads everything"),
    Row("POST", "/logs/_search", "reads logs", body=MATCH),
    Row("GET", "/logs/_search", "reads logs", body=MATCH),
    Row("POST", "/logs/tweet/_search", "reads logs", body=MATCH),
    Row("POST", "/logs/_search", "reads everything", body=LOOKUP),
    Row(
        "GET",
        "/logs/_search?source_content_type=application/json&source=" + LOOKUP.replace('"', "%22"),
        "reads everything",
    ),
    Row("GET", "/logs/_search?source_content_type=application/json&source={}", "reads logs"),
    Row(
        "POST",
        "/logs/_search",
        "reads everything",
        body='{"query":{"more_like_this":{"like":[{"_index":"users","_id":"1"}]}}}',
    ),
    Row(
        "POST",
        "/logs/_search",
        "reads everything",
        body='{"query":{"percolate":{"field":"q","index":"users","id":"1"}}}',
    ),
    Row(
        "POST",
        "/logs/_search",
        "reads everything",
        body='{"query":{"geo_shape":{"l":{"indexed_shape":{"id":"deu"}}}}}',
    ),
    Row(
        "POST", "/logs/_search", "reads everything", body="query:\n  terms:\n    user:\n      index: users\n"
    ),
    Row("POST", "/logs/_search", "reads logs", body="---\nquery:\n  match_all: {}\n"),
    Row("POST", "/logs/_count", "reads logs", body=MATCH),
    Row("GET", "/_count", "reads everything"),
    Row("POST", "/logs/_validate/query", "reads logs", body=MATCH),
    Row("POST", "/logs/_rank_eval", "reads logs", body="{}"),
    Row("GET", "/logs/_field_caps?fields=*", "reads logs"),
    Row("POST", "/_field_caps?fields=*", "reads everything"),
    Row("POST", "/logs/_search_shards", "reads logs"),
    Row("POST", "/logs/_graph/explore", "reads logs", body="{}"),
    Row("POST", "/logs/_rollup_search", "reads logs", body="{}"),
    Row("POST", "/logs/_search/template", "reads logs", body='{"source":{"query":{"match_all":{}}}}'),
    Row("POST", "/logs/_search/template", "reads everything", body='{"id":"stored","params":{}}'),
    Row("GET", "/_render/template/x", "reads the cluster"),
    Row("POST", "/logs/_msearch", "reads logs", body="{}\n" + MATCH + "\n"),
    Row(
        "POST",
        "/_msearch",
        "reads logs, users",
        body='{"index":"logs"}\n{}\n{"index":["users","logs"]}\n{}\n',
    ),
    Row(
        "POST", "/_msearch", "reads logs, users", body='{"index":"logs"}\r\n{}\r\n{"index":"users"}\r\n{}\r\n'
    ),
    Row("POST", "/_msearch", "reads everything", body='{"index":"logs"}\n{}\n{}\n{}\n'),
    Row("POST", "/logs/_msearch", "reads logs", body="\n{}\n"),
    Row("POST", "/_msearch", "reads everything", body='{"index":"logs"}\n' + LOOKUP + "\n"),
    Row("POST", "/_msearch", "reads everything", body='{"index":"lo*"}\n{}\n'),
    Row("POST", "/_msearch", "reads everything", body="broken"),
    Row("POST", "/_msearch/template", "reads logs", body='{"index":"logs"}\n{"source":"{}"}\n'),
    Row("POST", "/_msearch/template", "reads everything", body='{"index":"logs"}\n{"id":"stored"}\n'),
    Row("POST", "/logs/_analyze", "reads logs", body='{"text":"a"}'),
    Row("POST", "/_analyze", "reads the cluster", body='{"text":"a","analyzer":"standard"}'),
    Row("POST", "/_scripts/painless/_execute", "reads everything", body="{}"),
    Row(
        "GET",
        "/_mget",
        "reads logs/1, users/2",
        body='{"docs":[{"_index":"logs","_id":"1"},{"_index":"users","_id":2}]}',
    ),
    Row("POST", "/logs/_mget", "reads logs/1+2", body='{"ids":["1","2"]}'),
    Row(
        "POST", "/logs/_mget", "reads logs/1, ?/2", body='{"docs":[{"_id":"1"},{"_index":"alias","_id":"2"}]}'
    ),
    Row("POST", "/logs/_mget", "reads everything", body='{"docs":'),
    Row("POST", "/logs/_mget", "reads everything", body="[" * 100_000),
    Row("POST", "/logs/_mtermvectors?ids=1,2", "reads logs/1+2"),
)

BULKS = (
    Row("POST", "/_bulk", "writes logs/1", body=INDEX_1),
    Row("PUT", "/_bulk", "writes logs/1", body=INDEX_1),
    Row("POST", "/logs/_bulk", "writes logs/1", body='{"index":{"_id":"1"}}\n{}\n'),
    Row("POST", "/logs/tweet/_bulk", "writes logs/1", body='{"index":{"_id":"1"}}\n{}\n'),
    Row(
        "POST",
        "/logs/_bulk",
        "writes users/1, logs/2",
        body='{"index":{"_index":"users","_id":"1"}}\n{}\n{"delete":{"_id":"2"}}\n',
    ),
    Row(
        "POST",
        "/_bulk",
        "writes logs/1+2",
        body=INDEX_1 + '{"create":{"_index":"logs","_id":"2","routing":"a"}}\n{}\n',
    ),
    Row("POST", "/_bulk", "writes logs/1", body='{"index":{"_index":"logs","_type":"_doc","_id":"1"}}\n{}\n'),
    Row("POST", "/_bulk", "writes logs/1", body='{ "index" : { "_id" : "1", "_index" : "logs" } }\n{}\n'),
    Row("POST", "/_bulk", "writes logs/1", body='{"index":{"_index":"logs","_id":1}}\n{}\n'),
    Row("POST", "/_bulk", "writes logs/1", body='{"index":{"_index":"logs","_id":"1"}}\r\n{}\r\n'),
    Row("POST", "/_bulk", "writes logs/é", body='{"index":{"_index":"logs","_id":"\\u00e9"}}\n{}\n'),
    Row("POST", "/_bulk", "writes logs/1", body="\n" + INDEX_1 + "\n"),
    Row(
        "POST",
        "/_bulk",
        "writes logs/1+2",
        body='{"delete":{"_index":"logs","_id":"1"}}\n{"delete":{"_index":"logs","_id":"2"}}\n',
    ),
    Row(
        "POST",
        "/_bulk",
        "reads logs/1; writes logs/1",
        body='{"update":{"_index":"logs","_id":"1","retry_on_conflict":3}}\n{"doc":{}}\n',
    ),
    Row("POST", "/_bulk", "adds to logs", body='{"create":{"_index":"logs"}}\n{}\n'),
    Row("POST", "/_bulk", "writes logs/1; adds to logs", body=INDEX_1 + '{"create":{"_index":"logs"}}\n{}\n'),
    Row("POST", "/_bulk", "writes ?/1", body='{"index":{"_index":"alias","_id":"1"}}\n{}\n'),
    Row("POST", "/_bulk", "adds to ?", body='{"create":{"_index":"alias"}}\n{}\n'),
    Row(
        "POST",
        "/logs/_bulk",
        "writes logs/abc",
        body='{"index":{}}\n{}\n',
        answer=_bulk_answer(_item("index", "logs", "abc")),
    ),
    Row(
        "POST",
        "/alias/_bulk",
        "writes l-1/abc",
        body='{"index":{}}\n{}\n',
        answer=_bulk_answer(_item("index", "l-1", "abc")),
    ),
    Row(
        "POST",
        "/alias/_bulk",
        "writes l-1/1",
        body='{"index":{"_id":"1"}}\n{}\n',
        answer=_bulk_answer(_item("index", "l-1", "1")),
    ),
    Row(
        "POST",
        "/logs/_bulk",
        "writes l-1/1",
        body='{"index":{"_id":"1"}}\n{}\n',
        answer=_bulk_answer(_item("index", "l-1", "1")),
    ),
    Row(
        "POST",
        "/alias/_bulk",
        "writes l-1/a, ?/b",
        body='{"index":{}}\n{}\n{"index":{}}\n{}\n',
        answer=_bulk_answer(_item("index", "l-1", "a"), _failed("index", "alias", "b")),
    ),
    Row(
        "POST",
        "/logs/_bulk?filter_path=items.*._id",
        "adds to logs",
        body='{"index":{}}\n{}\n',
        answer=_bulk_answer(_item("index", "logs", "abc")),
    ),
    Row(
        "POST",
        "/logs/_bulk",
        "adds to logs",
        body='{"index":{}}\n{}\n',
        answer='{"took":1,"errors":false,"items":[]}',
    ),
    Row(
        "POST",
        "/logs/_bulk",
        "adds to logs",
        body='{"index":{}}\n{}\n',
        answer=_bulk_answer(_failed("index", "logs", "auto-generated")),
    ),
    Row("POST", "/logs/_bulk", "nothing", body="broken\n", status=400),
    Row("POST", "/logs/_bulk", "everything", body="broken\n"),
    Row("POST", "/_bulk", "everything", body='{"index":{"_index":"logs","_id":"1"}}\n'),
    Row("POST", "/_bulk", "everything", body='{"index":{"_index":"logs","_id":"1"}}'),
    Row("POST", "/_bulk", "everything", body='{"upsert":{"_index":"logs","_id":"1"}}\n{}\n'),
    Row("POST", "/_bulk", "everything", body='{"index":7}\n{}\n'),
    Row("POST", "/_bulk", "everything", body="[]\n{}\n"),
    Row("POST", "/_bulk", "everything", body="[" * 50_000 + "\n"),
    Row("POST", "/_bulk", "everything"),
    Row("POST", "/logs/_bulk", "everything"),
    Row("POST", "/alias/_bulk", "everything"),
    Row("POST", "/_bulk", "writes logs", body='{"index":{"_index":"logs","_id":"1"}}\n{}\n' * 10_001),
    Row("POST", "/_bulk", "everything", body='{"index":{"_index":"alias","_id":"1"}}\n{}\n' * 10_001),
    Row("POST", "/_monitoring/bulk?system_id=kibana", "adds to ?", body='{"index":{"_type":"a"}}\n{}\n'),
)

WHOLE_INDICES = (
    Row("POST", "/logs/_refresh", "reads logs; adds to logs"),
    Row("GET", "/logs,users/_refresh", "reads logs, users; adds to logs, users"),
    Row("POST", "/_refresh", "reads everything; adds to ?"),
    Row("POST", "/alias/_refresh", "reads everything; adds to ?"),
    Row("POST", "/logs/_flush", "reads logs"),
    Row("POST", "/_flush", "reads everything"),
    Row("POST", "/logs/_forcemerge?max_num_segments=1", "reads logs"),
    Row("POST", "/logs/_cache/clear", "reads logs"),
    Row("POST", "/logs/_update_by_query", "reads logs; writes logs", body=MATCH),
    Row("POST", "/logs/_update_by_query", "reads everything; writes logs", body=LOOKUP),
    Row("POST", "/logs,users/_delete_by_query", "reads logs, users; writes logs, users", body=MATCH),
    Row("POST", "/alias/_delete_by_query", "everything", body=MATCH),
    Row(
        "POST",
        "/logs/_delete_by_query?wait_for_completion=false",
        "reads logs; writes logs, cursors/n:7",
        body=MATCH,
        answer='{"task":"n:7"}',
    ),
    Row(
        "POST",
        "/_reindex",
        "reads logs; writes users",
        body='{"source":{"index":"logs"},"dest":{"index":"users"}}',
    ),
    Row(
        "POST",
        "/_reindex",
        "reads logs, orders; writes users",
        body='{"source":{"index":["logs","orders"]},"dest":{"index":"users"}}',
    ),
    Row(
        "POST",
        "/_reindex",
        "reads everything; writes users",
        body='{"source":{"index":"alias"},"dest":{"index":"users"}}',
    ),
    Row("POST", "/_reindex", "everything", body='{"source":{"index":"logs"},"dest":{"index":"alias"}}'),
    Row(
        "POST",
        "/_reindex",
        "writes users",
        body='{"source":{"remote":{"host":"http://a:9200"},"index":"logs"},"dest":{"index":"users"}}',
    ),
    Row(
        "POST",
        "/_reindex",
        "reads everything; writes users",
        body='{"source":{"index":"logs","query":{"terms":{"a":{"index":"orders","id":"1"}}}},"dest":{"index":"users"}}',
    ),
    Row("POST", "/_reindex", "everything", body="{"),
    Row("PUT", "/new", "writes new", body="{}"),
    Row("PUT", "/new", "writes new", answer='{"acknowledged":true,"shards_acknowledged":true,"index":"new"}'),
    Row("PUT", "/logs", "writes logs", status=400),
    Row(
        "PUT",
        "/%3Cl-%7Bnow%7D%3E",
        "writes l-1",
        answer='{"acknowledged":true,"shards_acknowledged":true,"index":"l-1"}',
    ),
    Row("PUT", "/%3Cl-%7Bnow%7D%3E", "everything"),
    Row("DELETE", "/logs", "writes logs"),
    Row("DELETE", "/logs,users", "writes logs, users"),
    Row("DELETE", "/lo*", "everything"),
    Row("DELETE", "/_all", "everything"),
    Row("HEAD", "/logs", "reads logs"),
    Row("GET", "/logs", "reads logs"),
    Row("PUT", "/logs/_settings", "reads logs; writes logs", body="{}"),
    Row("PUT", "/_settings", "everything", body="{}"),
    Row("PUT", "/logs/_mapping", "reads logs; writes logs", body="{}"),
    Row("PUT", "/logs/tweet/_mapping", "reads logs; writes logs", body="{}"),
    Row("POST", "/logs/_close", "reads logs; writes logs"),
    Row("POST", "/alias/_open", "everything"),
    Row("POST", "/logs/_freeze", "reads logs; writes logs"),
    Row("PUT", "/logs/_block/write", "reads logs; writes logs"),
    Row("POST", "/logs/_shrink/small", "reads logs; writes logs, small", body="{}"),
    Row("PUT", "/logs/_split/large", "reads logs; writes logs, large", body="{}"),
    Row("PUT", "/alias/_clone/other", "everything", body="{}"),
    Row("POST", "/logs/_rollover", "everything"),
    Row("POST", "/alias/_rollover/logs-000002", "everything"),
    Row("GET", "/logs/_mapping", "reads logs"),
    Row("GET", "/logs/_mapping/field/a", "reads logs"),
    Row("GET", "/_mapping", "reads everything"),
    Row("GET", "/logs/_settings/index.number_of_shards", "reads logs"),
    Row("GET", "/logs/_stats/docs", "reads logs"),
    Row("GET", "/logs/_ilm/explain", "reads logs"),
    Row("GET", "/_plugins/_ism/explain/logs", "reads logs"),
)

CLUSTER_WIDE = (
    Row("GET", "/", "nothing"),
    Row("HEAD", "/", "nothing"),
    Row("OPTIONS", "/logs/_search", "nothing"),
    Row("OPTIONS", "*", "nothing"),
    Row("POST", "/_aliases", "everything", body='{"actions":[{"add":{"index":"logs","alias":"a"}}]}'),
    Row("PUT", "/logs/_alias/a", "everything"),
    Row("DELETE", "/logs/_alias/a", "everything"),
    Row("GET", "/_alias", "reads everything"),
    Row("GET", "/logs/_alias", "reads logs"),
    Row("PUT", "/_data_stream/s", "everything"),
    Row("GET", "/_data_stream/s", "reads everything"),
    Row("PUT", "/_template/t", "everything", body="{}"),
    Row("PUT", "/_index_template/t", "everything", body="{}"),
    Row("POST", "/_index_template/_simulate/t", "reads the cluster", body="{}"),
    Row("GET", "/_template/t", "reads the cluster"),
    Row("HEAD", "/_index_template/t", "reads the cluster"),
    Row("PUT", "/_component_template/t", "everything", body="{}"),
    Row("PUT", "/_ingest/pipeline/p", "everything", body="{}"),
    Row("POST", "/_ingest/pipeline/_simulate", "reads the cluster", body="{}"),
    Row("GET", "/_ingest/pipeline", "reads the cluster"),
    Row("PUT", "/_scripts/s", "everything", body="{}"),
    Row("PUT", "/_cluster/settings", "everything", body="{}"),
    Row("GET", "/_cluster/settings", "reads the cluster"),
    Row("POST", "/_cluster/reroute", "everything"),
    Row("GET", "/_cluster/health", "reads everything"),
    Row("GET", "/_cluster/health/logs", "reads logs"),
    Row("GET", "/_cluster/state/metadata/logs", "reads logs"),
    Row("GET", "/_cat/indices?v", "reads everything"),
    Row("GET", "/_cat/indices/logs", "reads logs"),
    Row("GET", "/_cat/count/logs", "reads logs"),
    Row("GET", "/_cat/nodes", "reads the cluster"),
    Row("GET", "/_nodes", "reads the cluster"),
    Row("GET", "/_nodes/_all/http", "reads the cluster"),
    Row("GET", "/_nodes/stats/indices", "reads everything"),
    Row("GET", "/_stats", "reads everything"),
    Row("POST", "/_snapshot/r/s/_restore", "everything"),
    Row("GET", "/_snapshot/r/_all", "reads the cluster"),
    Row("PUT", "/_ilm/policy/p", "everything", body="{}"),
    Row("PUT", "/_plugins/_ism/policies/p", "everything", body="{}"),
    Row("POST", "/_opendistro/_ism/add/logs", "everything", body="{}"),
    Row("GET", "/_opendistro/_ism/explain/logs", "reads logs"),
    Row("GET", "/_security/_authenticate", "reads the cluster"),
    Row("POST", "/_security/user/_has_privileges", "reads the cluster", body="{}"),
    Row("POST", "/_security/api_key", "everything", body="{}"),
    Row("PATCH", "/_plugins/_security/api/roles", "everything", body="[]"),
    Row("PUT", "/_transform/t", "everything", body="{}"),
    Row("POST", "/_transform/_preview", "reads everything", body="{}"),
    Row("POST", "/_enrich/policy/p/_execute", "everything"),
    Row("POST", "/_plugins/_ml/models/m/_predict", "reads the cluster", body="{}"),
    Row("POST", "/_plugins/_ml/models/_search", "reads everything", body="{}"),
    Row("POST", "/_plugins/_alerting/monitors/_search", "reads everything", body="{}"),
    Row("POST", "/_plugins/_alerting/monitors/m/_execute", "everything"),
    Row("PUT", "/_plugins/_replication/f/_start", "everything", body="{}"),
    Row("GET", "/_plugins/_knn/warmup/logs", "reads logs"),
    # Not known.
    Row("GET", "/_new/endpoint", "reads everything"),
    Row("POST", "/_new/endpoint", "everything"),
    Row("POST", "/cgi-bin/x/y/z", "nothing", status=405),
    Row("POST", "/_new/endpoint", "nothing", status=400),
    Row("POST", "/_new/endpoint", "everything", status=500),
    Row("TRACE", "/logs/_search", "everything"),
    Row("CONNECT", "es:9200", "everything"),
    Row("get", "/logs/_search", "everything"),
    Row("PATCH", "/logs/_doc/1", "everything"),
    Row("DELETE", "/logs/_doc", "everything"),
)

CURSORS = (
    Row(
        "POST",
        "/logs/_search?scroll=1m",
        "reads logs; writes cursors/s1",
        body="{}",
        answer='{"_scroll_id":"s1","took":1}',
    ),
    Row("POST", "/logs/_search?scroll=1m", "reads logs; writes cursors", body="{}"),
    Row("POST", "/logs/_search?scroll=1m", "reads logs", body="{}", status=400),
    Row(
        "POST",
        "/_search/scroll",
        "reads cursors/s1; writes cursors/s1+s2",
        body='{"scroll":"1m","scroll_id":"s1"}',
        answer='{"_scroll_id":"s2"}',
    ),
    Row(
        "POST",
        "/_search/scroll",
        "reads cursors/s1; writes cursors/s1",
        body='{"scroll_id":"s1","scroll":"1m"}',
    ),
    Row("GET", "/_search/scroll?scroll_id=s1", "reads cursors/s1; writes cursors/s1"),
    Row("GET", "/_search/scroll/s1", "reads cursors/s1; writes cursors/s1"),
    Row("POST", "/_search/scroll", "reads cursors; writes cursors", body="{"),
    Row("DELETE", "/_search/scroll", "writes cursors/s1+s2", body='{"scroll_id":["s1","s2"]}'),
    Row("DELETE", "/_search/scroll/s1,s2", "writes cursors/s1+s2"),
    Row("DELETE", "/_search/scroll/_all", "writes cursors"),
    Row("POST", "/logs/_pit?keep_alive=1m", "reads logs; writes cursors/p1", answer='{"id":"p1"}'),
    Row(
        "POST",
        "/logs/_search/point_in_time?keep_alive=1m",
        "reads logs; writes cursors/p1",
        answer='{"pit_id":"p1","_shards":{}}',
    ),
    Row(
        "POST",
        "/_search",
        "reads cursors/p1",
        body='{"pit":{"id":"p1","keep_alive":"1m"}}',
        answer='{"pit_id":"p1","took":1}',
    ),
    Row(
        "POST",
        "/_search",
        "reads cursors/p1; writes cursors/p2",
        body='{"pit":{"id":"p1"}}',
        answer='{"pit_id":"p2","took":1}',
    ),
    Row(
        "POST",
        "/logs/_search",
        "reads logs",
        body='{"aggs":{"pit":{"terms":{"field":"a"}}},"query":{"term":{"pit":"x"}}}',
    ),
    Row("DELETE", "/_pit", "writes cursors/p1", body='{"id":"p1"}'),
    Row("DELETE", "/_search/point_in_time", "writes cursors/p1+p2", body='{"pit_id":["p1","p2"]}'),
    Row("DELETE", "/_search/point_in_time/_all", "writes cursors"),
    Row(
        "POST",
        "/logs/_async_search",
        "reads logs; writes cursors/a1",
        body="{}",
        answer='{"id":"a1","is_partial":true}',
    ),
    Row("POST", "/logs/_async_search", "reads logs", body="{}", answer='{"is_partial":false}'),
    Row("POST", "/logs/_async_search", "reads everything; writes cursors", body=LOOKUP),
    Row(
        "POST",
        "/_plugins/_asynchronous_search?index=logs",
        "reads logs; writes cursors/a1",
        body="{}",
        answer='{"id":"a1","state":"RUNNING"}',
    ),
    Row("GET", "/_async_search/a1", "reads cursors/a1"),
    Row("GET", "/_async_search/status/a1", "reads cursors/a1"),
    Row("DELETE", "/_async_search/a1", "writes cursors/a1"),
    Row(
        "POST",
        "/_opendistro/_asynchronous_search?index=logs",
        "reads logs; writes cursors/a1",
        body="{}",
        answer='{"id":"a1"}',
    ),
    Row("GET", "/_plugins/_asynchronous_search/a1", "reads cursors/a1"),
    Row("POST", "/logs/_eql/search", "reads logs", body="{}", answer='{"is_partial":false,"took":1}'),
    Row(
        "POST",
        "/logs/_eql/search",
        "reads logs; writes cursors/e1",
        body="{}",
        answer='{"id":"e1","is_partial":true}',
    ),
    Row("GET", "/_eql/search/e1", "reads cursors/e1"),
    Row(
        "POST",
        "/_sql",
        "reads everything",
        body='{"query":"SELECT * FROM logs"}',
        answer='{"columns":[],"rows":[]}',
    ),
    Row(
        "POST",
        "/_sql",
        "reads everything; writes cursors/c1",
        body='{"query":"SELECT 1"}',
        answer='{"rows":[["a"]],"cursor":"c1"}',
    ),
    Row(
        "POST",
        "/_sql",
        "reads cursors/c1; writes cursors/c2",
        body='{"cursor":"c1"}',
        answer='{"rows":[],"cursor":"c2"}',
    ),
    Row("POST", "/_sql/close", "writes cursors/c1", body='{"cursor":"c1"}'),
    Row("POST", "/_plugins/_sql", "everything", body='{"query":"DELETE FROM logs"}'),
    Row("POST", "/_plugins/_ppl", "reads everything", body='{"query":"source=logs"}'),
    Row("GET", "/_tasks/n:7", "reads cursors/n:7"),
    Row("POST", "/_tasks/n:7/_cancel", "writes cursors/n:7"),
    Row("POST", "/_reindex/n:7/_rethrottle?requests_per_second=-1", "writes cursors/n:7"),
    Row("GET", "/_tasks", "reads the cluster"),
)

# What the lists of endpoints (rest_endpoints.txt) brought to light.
FROM_LISTS = (
    # No document called "_mapping".
    Row("GET", "/logs/tweet/_mapping", "reads logs"),
    Row("GET", "/logs/tweet/_mapping/field/user", "reads logs"),
    Row("GET", "/logs/_setting/index.number_of_replicas", "reads logs"),
    # Every index, but not only read.
    Row("GET", "/_all/_refresh", "reads everything; adds to ?"),
    Row(
        "GET",
        "/_all/_search?scroll=1m",
        "reads everything; writes cursors/s1",
        body="{}",
        answer='{"_scroll_id":"s1"}',
    ),
    Row("GET", "/_all/_reload_search_analyzers", "everything"),
    Row("GET", "/_all/_doc/1", "reads ?/1"),
    Row("GET", "/_all", "reads everything"),
    Row("DELETE", "/", "everything"),
    Row("GET", "/_list", "reads the cluster"),
    # X-Pack's older paths.
    Row("GET", "/_xpack/license", "reads the cluster"),
    Row("PUT", "/_xpack/license", "everything", body="{}", status=403),
    Row("GET", "/_xpack/security/user/me", "reads the cluster"),
    Row("POST", "/_xpack/security/user/_has_privileges", "reads the cluster", body="{}"),
    Row("POST", "/_xpack/ml/anomaly_detectors/a/results/records", "reads everything", body="{}"),
    Row("POST", "/_xpack/ml/find_file_structure", "nothing", body="a,b"),
    Row("PUT", "/_xpack/watcher/watch/w", "everything", body="{}"),
    Row("GET", "/_xpack/migration/deprecations", "reads everything"),
    Row("GET", "/logs/_xpack/migration/deprecations", "reads logs"),
    Row("GET", "/logs/_xpack/rollup/data", "reads logs"),
    Row("POST", "/_xpack/monitoring/kibana/_bulk", "adds to ?", body="{}"),
    Row("POST", "/_xpack/sql", "reads everything", body='{"query":"SELECT 1"}', answer='{"rows":[]}'),
    # Requests of OpenSearch's plugins that only read, whatever their method.
    Row("POST", "/_plugins/_sql/stats", "reads everything", body="{}"),
    Row("POST", "/_plugins/_security/authinfo", "reads the cluster"),
    Row("POST", "/_opendistro/_security/health", "reads the cluster"),
    Row("POST", "/_plugins/_security/api/generateonbehalfoftoken", "reads the cluster", body="{}"),
    Row("POST", "/_plugins/_security_analytics/logtype/_search", "reads everything", body=MATCH),
    Row("POST", "/_plugins/_security_analytics/threat_intel/sources/_search", "reads everything", body=MATCH),
    Row("POST", "/_plugins/_security_analytics/rules/validate", "reads everything", body="{}"),
    Row("POST", "/_plugins/_forecast/forecasters/_search", "reads everything", body=MATCH),
    Row("POST", "/_plugins/_forecast/forecasters/f/_run_once", "everything"),
    Row("POST", "/_plugins/_alerting/comments/_search", "reads everything", body=MATCH),
    Row("POST", "/_plugins/_ml/_train_predict/kmeans", "reads everything", body="{}"),
    Row("POST", "/_plugins/geospatial/geojson/_upload", "everything", body="{}", status=400),
    # One that writes, though it is a GET.
    Row("GET", "/_plugins/_reports/poll_instance", "everything"),
)

TABLE = (
    *DOCUMENTS,
    *TARGETS,
    *EXPRESSIONS,
    *SEARCHES,
    *BULKS,
    *WHOLE_INDICES,
    *CLUSTER_WIDE,
    *CURSORS,
    *FROM_LISTS,
)


@pytest.mark.parametrize(
    "row", TABLE, ids=lambda row: f"{row.method} {row.target[:60]} {row.body[:40]!r} {row.status}"
)
def test_footprint(row: Row) -> None:
    t = transaction(row.method, row.target, row.body, row.answer, row.status)

    assert words(footprints().of(t)) == row.expected


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.method} {row.target[:60]}")
def test_reading_in_slices_says_the_same(row: Row) -> None:
    t = transaction(row.method, row.target, row.body, row.answer, row.status)

    *slices, footprint = footprints().reading(t)

    assert footprint is not None
    assert words(footprint) == row.expected
    assert all(one is None for one in slices)


# Where an answer or a body names what nobody could expect: a known name is an alias by now, an identifier is not as the cluster makes
# them, a bulk with an index in its path names another one besides, a point in time or a task has a new name.
_SURPRISES = (
    "logs-8/1",
    "/abc",
    ".ds-s-000001/x",
    "logs-1/x",
    "users/1, logs/2",
    "l-1/1",
    "cursors/n:7",
    "cursors/p2",
)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.method} {row.target[:60]}")
def test_without_bodies_it_is_no_narrower(row: Row) -> None:
    if row.expected.endswith(_SURPRISES):
        return
    t = transaction(row.method, row.target, row.body, row.answer, row.status)
    narrow, wide = footprints().of(t), footprints().without_bodies(t)
    names = (*KNOWN, NO_INDEX, CURSOR, b"logs-1", b"l-1", b"alias", b"new")
    documents = [
        Documents(name, (one,)) for name in names for one in (b"1", b"2", b"7", b"abc", b"s1", b"p1")
    ]
    for later in (
        READS_EVERYTHING,
        *(Footprint(reads_indices=(name,)) for name in names if name != NO_INDEX),
        *(Footprint(reads_documents=(one,)) for one in documents),
    ):
        assert must_wait(later, wide) or not must_wait(later, narrow)
    for earlier in (
        EVERYTHING,
        *(Footprint(writes_indices=(name,)) for name in names if name != NO_INDEX),
        *(Footprint(adds_to=(name,)) for name in names),
        *(Footprint(writes_documents=(one,)) for one in documents),
    ):
        assert must_wait(wide, earlier) or not must_wait(narrow, earlier)


def test_deleting_all_indices_forgets_their_names() -> None:
    reader = footprints()

    reader.of(transaction("DELETE", "/"))

    assert words(reader.of(transaction("GET", "/logs/_search"))) == "reads everything"


def test_table_is_long_enough() -> None:
    assert len(TABLE) >= 150


_EXAMPLES = {
    "{index}": b"logs",
    "{type}": b"tweet",
    "{id}": b"1",
    "{target}": b"other",
    "{name}": b"anything",
    "**": b"more",
}


@pytest.mark.parametrize("row", ENDPOINTS, ids=lambda row: row[2][:60])
def test_every_endpoint_is_reached(row: tuple[str, str, str]) -> None:
    kind, methods, paths = row
    for path in paths.split():
        segments = [_EXAMPLES.get(segment, segment.encode()) for segment in path.split("/")[1:] if segment]
        for method in methods.encode().split():
            found = find(method, segments)

            assert found is not None
            assert (found.kind, found.pattern) == (kind, path), f"{method!r} {path}"


def test_the_page_of_endpoints_says_what_the_table_says() -> None:
    # Else: python -m tests.unit.regenerate_footprints_page
    assert PAGE.read_text() == page()
