"""A tour of the features that the image must have, published or built here, straight to a cluster of it.

Each is in a module of its own: one that lacks a jar or a permission still loads, and fails here.
"""

import re
import secrets
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from capture import elasticsearch_image
from capture.base_image import ensure_base_image
from capture.cluster import SNAPSHOTS
from capture.console import Console
from capture.elasticsearch_image import CHECKSUMS, write_elasticsearch_context
from capture.elasticsearch_modules import read_modules
from capture.engine import Engine
from capture.errors import ExitCode, UserError
from capture.versions import BASE_IMAGE, ELASTICSEARCH
from capture.workspace import REPOSITORY
from tests.e2e.pair import Pair

TOLKIEN = [
    {"title": "The Hobbit", "pages": 310, "price": 12.99, "rank": 9.0},
    {"title": "Unfinished Tales", "pages": 472, "price": 24.5, "rank": 3.0},
    {"title": "The Silmarillion", "pages": 365, "price": 18.0, "rank": 6.0},
]


@pytest.fixture
def es(pair: Pair) -> Elasticsearch:
    """A client of the shadow cluster's first node."""
    return pair.shadow


@pytest.fixture
def index() -> str:
    """A name that no other test uses."""
    return f"tour-{secrets.token_hex(4)}"


@pytest.fixture
def books(es: Elasticsearch, index: str) -> str:
    """An index with three books."""
    make(
        es,
        index,
        {"price": {"type": "scaled_float", "scaling_factor": 100}, "rank": {"type": "rank_feature"}},
    )
    for number, book in enumerate(TOLKIEN):
        es.index(index=index, id=str(number), body=book)
    es.indices.refresh(index=index)
    return index


def make(es: Elasticsearch, index: str, properties: dict[str, Any]) -> None:
    """An index of one shard, which has its copy."""
    body = {"settings": {"number_of_shards": 1}, "mappings": {"properties": properties}}
    es.indices.create(index=index, body=body, wait_for_active_shards="all")


def found(answer: dict[str, Any]) -> list[str]:
    return [hit["_id"] for hit in answer["hits"]["hits"]]


def test_it_is_the_genuine_version(es: Elasticsearch) -> None:
    version = es.info()["version"]
    assert version["number"] == ELASTICSEARCH["version"] == "7.10.2"
    assert version["build_hash"].startswith(ELASTICSEARCH["build_hash"])
    assert version["build_flavor"] == "oss"


def test_every_node_has_all_modules(es: Elasticsearch) -> None:
    expected = {
        module.name for module in read_modules(REPOSITORY / "docker_config_elasticsearch/modules.toml")
    }
    for node in es.nodes.info(metric="plugins")["nodes"].values():
        assert expected | {"transport-netty4"} <= {module["name"] for module in node["modules"]}


def test_it_does_not_run_as_root(pair: Pair) -> None:
    for node in pair.shadow_cluster.nodes:
        executed = node.exec("sh", "-c", "stat -c %u /proc/1; id -u")
        assert executed.output.split() == ["1000", "1000"]


def test_its_build_leaves_no_certificate_of_the_host(pair: Pair) -> None:
    executed = pair.shadow_cluster.nodes[0].exec(
        "sh", "-c", "ls /usr/local/share/ca-certificates /tmp/host-ca"
    )
    assert ".crt" not in executed.output


def test_painless(es: Elasticsearch, books: str) -> None:
    source = "List l = new ArrayList(); for (int i = 0; i < 3; ++i) { l.add(doc['pages'].value * i); } return l.get(2)"
    answer = es.search(index=books, body={"script_fields": {"x": {"script": {"source": source}}}})
    assert sorted(hit["fields"]["x"][0] for hit in answer["hits"]["hits"]) == [620, 730, 944]
    script = {"source": "params.a + params.b", "params": {"a": 1, "b": 2}}
    assert es.scripts_painless_execute(body={"script": script})["result"] == "3"


def test_expressions(es: Elasticsearch, books: str) -> None:
    script = {"lang": "expression", "source": "sqrt(doc['pages'].value * 0 + 16) + max(1, 2)"}
    answer = es.search(index=books, body={"script_fields": {"x": {"script": script}}})
    assert [hit["fields"]["x"] for hit in answer["hits"]["hits"]] == [[6.0]] * 3
    script = {"lang": "expression", "source": "doc['pages'].value"}
    sort = {"_script": {"type": "number", "order": "desc", "script": script}}
    assert found(es.search(index=books, body={"sort": sort})) == ["1", "2", "0"]


def test_mustache(es: Elasticsearch, books: str) -> None:
    source = '{"query": {"match": {"title": "{{word}}"}}, "size": {{#toJson}}size{{/toJson}}}'
    es.put_script(id=books, body={"script": {"lang": "mustache", "source": source}})
    answer = es.search_template(index=books, body={"id": books, "params": {"word": "hobbit", "size": 1}})
    assert found(answer) == ["0"]
    es.delete_script(id=books)


def test_reindex(es: Elasticsearch, books: str) -> None:
    body = {"source": {"index": books}, "dest": {"index": f"{books}-copy"}}
    assert es.reindex(body=body, refresh=True)["created"] == 3


def test_update_by_query(es: Elasticsearch, books: str) -> None:
    body = {"query": {"range": {"pages": {"gt": 350}}}, "script": {"source": "ctx._source.pages++"}}
    assert es.update_by_query(index=books, body=body, refresh=True)["updated"] == 2
    assert es.get_source(index=books, id="2")["pages"] == 366


def test_nested(es: Elasticsearch, index: str) -> None:
    make(es, index, {"authors": {"type": "nested"}})
    authors = [{"first": "John", "last": "Tolkien"}, {"first": "Clive", "last": "Lewis"}]
    es.index(index=index, id="1", body={"authors": authors}, refresh=True)

    def named(first: str, last: str) -> list[str]:
        must = [{"match": {"authors.first": first}}, {"match": {"authors.last": last}}]
        query = {"nested": {"path": "authors", "query": {"bool": {"must": must}}}}
        return found(es.search(index=index, body={"query": query}))

    assert named("John", "Tolkien") == ["1"]
    assert named("John", "Lewis") == []


def test_join(es: Elasticsearch, index: str) -> None:
    make(es, index, {"kind": {"type": "join", "relations": {"book": "chapter"}}})
    es.index(index=index, id="1", body={"kind": "book"})
    chapter = {"kind": {"name": "chapter", "parent": "1"}, "text": "riddles"}
    es.index(index=index, id="2", body=chapter, routing="1", refresh=True)
    query = {"has_child": {"type": "chapter", "query": {"match": {"text": "riddles"}}}}
    assert found(es.search(index=index, body={"query": query})) == ["1"]


def test_percolate(es: Elasticsearch, index: str) -> None:
    make(es, index, {"query": {"type": "percolator"}, "title": {"type": "text"}})
    es.index(index=index, id="ring", body={"query": {"match": {"title": "ring"}}}, refresh=True)
    query = {"percolate": {"field": "query", "document": {"title": "The Fellowship of the Ring"}}}
    assert found(es.search(index=index, body={"query": query})) == ["ring"]


def test_matrix_stats(es: Elasticsearch, books: str) -> None:
    body = {"size": 0, "aggs": {"x": {"matrix_stats": {"fields": ["pages", "price"]}}}}
    fields = es.search(index=books, body=body)["aggregations"]["x"]["fields"]
    [pages] = [field for field in fields if field["name"] == "pages"]
    assert pages["correlation"]["price"] == pytest.approx(0.97, abs=0.03)


def test_ingest_pipelines(es: Elasticsearch, index: str) -> None:
    processors = [
        {"grok": {"field": "line", "patterns": ["%{IP:client} %{WORD:method}"]}},
        {"dissect": {"field": "line", "pattern": "%{} %{} %{path}"}},
        {"lowercase": {"field": "method"}},
        {"date": {"field": "when", "formats": ["yyyy-MM-dd"], "target_field": "when"}},
        {"script": {"source": "ctx.length = ctx.path.length()"}},
    ]
    es.ingest.put_pipeline(id=index, body={"processors": processors})
    line = {"line": "192.0.2.1 GET /index", "when": "2021-01-13"}
    es.index(index=index, id="1", body=line, pipeline=index)
    assert es.get_source(index=index, id="1") == line | {
        "client": "192.0.2.1",
        "method": "get",
        "path": "/index",
        "length": 6,
        "when": "2021-01-13T00:00:00.000Z",
    }
    es.ingest.delete_pipeline(id=index)


def test_ingest_of_addresses_and_user_agents(es: Elasticsearch, index: str) -> None:
    processors = [
        {"geoip": {"field": "client"}},
        {"geoip": {"field": "client", "database_file": "GeoLite2-ASN.mmdb", "target_field": "network"}},
        {"user_agent": {"field": "agent"}},
    ]
    # RFC 5737 has no addresses that are anywhere: this one is a well-known resolver.
    document = {
        "client": "8.8.8.8",
        "agent": "Mozilla/5.0 (X11; Linux x86_64; rv:84.0) Gecko/20100101 Firefox/84.0",
    }
    body = {"pipeline": {"processors": processors}, "docs": [{"_source": document}]}
    source = es.ingest.simulate(body=body)["docs"][0]["doc"]["_source"]
    assert source["geoip"]["country_iso_code"] == "US"
    assert source["network"]["asn"] == 15169
    assert source["user_agent"]["name"] == "Firefox"


def test_a_repository_that_is_read_by_url(es: Elasticsearch, books: str) -> None:
    es.snapshot.create_repository(repository=books, body={"type": "fs", "settings": {"location": books}})
    es.snapshot.create(repository=books, snapshot="one", body={"indices": books}, wait_for_completion=True)
    body = {"type": "url", "settings": {"url": f"file:{SNAPSHOTS}/{books}"}}
    es.snapshot.create_repository(repository=f"{books}-url", body=body)
    [snapshot] = es.snapshot.get(repository=f"{books}-url", snapshot="_all")["snapshots"]
    assert snapshot["indices"] == [books]
    for repository in (f"{books}-url", books):
        es.snapshot.delete_repository(repository=repository)


def test_scroll(es: Elasticsearch, books: str) -> None:
    page = es.search(index=books, body={"sort": "pages", "size": 2}, scroll="1m")
    assert found(page) == ["0", "2"]
    assert found(es.scroll(body={"scroll_id": page["_scroll_id"]})) == ["1"]
    unfinished = es.search(index=books, body={"size": 1}, scroll="1m")
    assert es.clear_scroll(body={"scroll_id": unfinished["_scroll_id"]})["num_freed"] == 1


def test_english_analyzer(es: Elasticsearch, index: str) -> None:
    tokens = es.indices.analyze(body={"analyzer": "english", "text": "The foxes were jumping"})["tokens"]
    assert [token["token"] for token in tokens] == ["fox", "were", "jump"]
    make(es, index, {"text": {"type": "text", "analyzer": "english"}})
    es.index(index=index, id="1", body={"text": "foxes"}, refresh=True)
    assert found(es.search(index=index, body={"query": {"match": {"text": "fox"}}})) == ["1"]


def test_scaled_float(es: Elasticsearch, books: str) -> None:
    body = {"size": 0, "aggs": {"x": {"sum": {"field": "price"}}}}
    assert es.search(index=books, body=body)["aggregations"]["x"]["value"] == pytest.approx(55.49)


def test_rank_feature(es: Elasticsearch, books: str) -> None:
    query = {"rank_feature": {"field": "rank", "saturation": {"pivot": 5}}}
    assert found(es.search(index=books, body={"query": query})) == ["0", "2", "1"]


def test_rank_eval(es: Elasticsearch, books: str) -> None:
    ratings = [{"_index": books, "_id": "0", "rating": 1}]
    request = {"id": "hobbit", "request": {"query": {"match": {"title": "hobbit"}}}, "ratings": ratings}
    body = {"requests": [request], "metric": {"precision": {"k": 1}}}
    assert es.rank_eval(index=books, body=body)["metric_score"] == 1.0


def test_a_file_that_is_not_the_known_one_ends_the_build(docker_engine: Engine, tmp_path: Path) -> None:
    write_elasticsearch_context(context := tmp_path / "context")
    checksums = context / CHECKSUMS
    checksums.write_text(
        re.sub(
            r"^.{8}(.*/lang-painless-7\.10\.2\.jar)$",
            r"00000000\1",
            checksums.read_text(),
            flags=re.MULTILINE,
        )
    )
    ensure_base_image(docker_engine, BASE_IMAGE, Console())
    tag = f"capture-test-{secrets.token_hex(4)}"
    with pytest.raises(UserError, match=r"is not what this project knows.*lang-painless.*mismatch") as caught:
        elasticsearch_image._build(docker_engine, context, tag, Console())
    assert caught.value.exit_code == ExitCode.BUILD_FAILED
    assert docker_engine.image_id(tag) is None
