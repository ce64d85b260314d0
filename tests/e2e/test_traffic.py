"""Real work of the official client, through the proxies: both clusters end up the same, and both logs have every request."""

import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from elasticsearch import ConflictError, NotFoundError, RequestError, helpers

from tests.e2e.pair import Pair
from tests.e2e.traffic import Logged, Traffic

ELVES: dict[str, dict[str, Any]] = {
    "1": {"name": "Finwe", "kin": "noldor", "children": 5, "words": "a king in Tirion"},
    "2": {"name": "Feanor", "kin": "noldor", "children": 7, "words": "the maker of the silmarils"},
    "3": {"name": "Olwe", "kin": "teleri", "children": 4, "words": "a king at the swan haven"},
    "4": {"name": "Ingwe", "kin": "vanyar", "children": 0, "words": "the high king"},
}
MAPPING = {
    "settings": {"number_of_shards": 2, "number_of_replicas": 1},
    "mappings": {
        "properties": {
            "name": {"type": "keyword"},
            "kin": {"type": "keyword"},
            "children": {"type": "integer"},
            "words": {"type": "text"},
        }
    },
}


def agree(logged: list[Logged]) -> None:
    """Both clusters gave every request the same status."""
    assert [str(each) for each in logged if each.statuses[0] != each.statuses[1]] == []


@pytest.fixture
def index() -> str:
    """A name that no other test uses."""
    return f"elves-{secrets.token_hex(4)}"


@pytest.fixture
def elves(traffic: Traffic, index: str) -> str:
    """An index with the elves in it, made through the proxy; each of its shards has its copy."""
    traffic.client.indices.create(index=index, body=MAPPING, wait_for_active_shards="all")
    actions = [{"_index": index, "_id": name, "_source": source} for name, source in ELVES.items()]
    helpers.bulk(traffic.client, actions, refresh=True)
    return index


def test_index_and_get(pair: Pair, traffic: Traffic, index: str) -> None:
    traffic.client.indices.create(index=index, body=MAPPING, wait_for_active_shards="all")
    for name, source in ELVES.items():
        assert traffic.client.index(index=index, id=name, body=source)["result"] == "created"
        assert traffic.client.get(index=index, id=name)["_source"] == source
    assert pair.documents(index) == (ELVES, ELVES)
    agree(traffic.logged())


def test_an_index_that_is_made_by_its_first_document(pair: Pair, traffic: Traffic, index: str) -> None:
    traffic.client.index(index=index, id="1", body=ELVES["1"], refresh="wait_for")
    assert pair.documents(index) == ({"1": ELVES["1"]}, {"1": ELVES["1"]})
    mappings = [client.indices.get_mapping(index=index) for client in (pair.primary, pair.shadow)]
    assert mappings[0] == mappings[1]
    agree(traffic.logged())


def test_bulk(pair: Pair, traffic: Traffic, elves: str) -> None:
    actions = [
        {"_op_type": "index", "_index": elves, "_id": "5", "_source": {"name": "Elwe"}},
        {"_op_type": "create", "_index": elves, "_id": "1", "_source": {"name": "another Finwe"}},
        {"_op_type": "update", "_index": elves, "_id": "3", "doc": {"children": 3}},
        {"_op_type": "delete", "_index": elves, "_id": "4"},
    ]
    done, errors = helpers.bulk(traffic.client, actions, raise_on_error=False, refresh=True)
    assert isinstance(errors, list)
    assert (done, [error["create"]["status"] for error in errors]) == (3, [409])
    expected = {
        "1": ELVES["1"],
        "2": ELVES["2"],
        "3": ELVES["3"] | {"children": 3},
        "5": {"name": "Elwe"},
    }
    assert pair.documents(elves) == (expected, expected)
    agree(traffic.logged())


def test_bulks_of_several_clients_at_once(pair: Pair, traffic: Traffic, index: str) -> None:
    traffic.client.indices.create(index=index, body=MAPPING, wait_for_active_shards="all")
    expected = {str(number): {"name": f"elf {number}", "children": number} for number in range(2000)}
    actions = ({"_index": index, "_id": name, "_source": source} for name, source in expected.items())
    assert all(
        done for done, _ in helpers.parallel_bulk(traffic.client, actions, thread_count=4, chunk_size=50)
    )
    primary, shadow = pair.documents(index)
    assert primary == expected
    assert shadow == expected
    logged = traffic.logged()
    assert len(logged) == 41
    agree(logged)


def test_compressed_bodies(pair: Pair, index: str) -> None:
    with Traffic(pair, f"case-{index}", http_compress=True) as traffic:
        actions = [{"_index": index, "_id": name, "_source": source} for name, source in ELVES.items()]
        helpers.bulk(traffic.client, actions, refresh=True)
        assert pair.documents(index) == (ELVES, ELVES)
        logged = traffic.logged()
    agree(logged)
    assert "Feanor" in logged[0].shadow["request"]["postData"]["text"]


def test_search(traffic: Traffic, elves: str) -> None:
    def names(body: dict[str, Any], **options: Any) -> list[str]:
        hits = traffic.client.search(index=elves, body=body, **options)["hits"]["hits"]
        return [hit["_source"]["name"] for hit in hits]

    assert sorted(names({"query": {"match": {"words": "king"}}})) == ["Finwe", "Ingwe", "Olwe"]
    assert names({"query": {"range": {"children": {"gte": 5}}}, "sort": ["name"]}) == ["Feanor", "Finwe"]
    assert names({"query": {"match_all": {}}, "sort": ["name"], "size": 2}, from_=2) == ["Ingwe", "Olwe"]
    bodies = [{"index": elves}, {"query": {"term": {"kin": "noldor"}}}, {"index": elves}, {"size": 0}]
    answers = traffic.client.msearch(body=bodies)["responses"]
    assert [answer["hits"]["total"]["value"] for answer in answers] == [2, 4]
    found = traffic.client.mget(index=elves, body={"ids": ["1", "9"]})["docs"]
    assert [each["found"] for each in found] == [True, False]
    assert traffic.client.count(index=elves)["count"] == 4
    logged = traffic.logged()
    agree(logged)
    bodies_of = [(each.primary["response"], each.shadow["response"]) for each in logged]
    assert all(len(each["content"]["text"]) > 0 for both in bodies_of for each in both)


def test_aggregations(traffic: Traffic, elves: str) -> None:
    answer = traffic.client.search(
        index=elves,
        body={
            "size": 0,
            "aggs": {
                "kin": {"terms": {"field": "kin"}, "aggs": {"children": {"sum": {"field": "children"}}}}
            },
        },
    )
    buckets = answer["aggregations"]["kin"]["buckets"]
    assert {bucket["key"]: bucket["children"]["value"] for bucket in buckets} == {
        "noldor": 12,
        "teleri": 4,
        "vanyar": 0,
    }
    [*_, search] = traffic.logged()
    texts = [entry["response"]["content"]["text"] for entry in (search.primary, search.shadow)]
    aggregations = [text.partition('"aggregations":')[2] for text in texts]
    assert aggregations[0]
    assert aggregations[0] == aggregations[1]


def test_scroll(traffic: Traffic, elves: str) -> None:
    pages = helpers.scan(traffic.client, index=elves, size=1, preserve_order=True, query={"sort": ["name"]})
    assert [hit["_source"]["name"] for hit in pages] == ["Feanor", "Finwe", "Ingwe", "Olwe"]
    logged = traffic.logged()
    # The shadow does not know the primary's scroll ids: what it answers to those pages is not our business yet.
    pages_of = [each for each in logged if "/_search/scroll" in each.primary["request"]["url"]]
    assert len(pages_of) == 5
    assert [each.statuses[0] for each in pages_of] == [200] * 5
    agree([each for each in logged if each not in pages_of])


def test_update(pair: Pair, traffic: Traffic, elves: str) -> None:
    client = traffic.client
    client.update(index=elves, id="1", body={"doc": {"children": 6}})
    script = {"source": "ctx._source.children += params.more", "params": {"more": 2}}
    client.update(index=elves, id="2", body={"script": script})
    client.update(index=elves, id="6", body={"doc": {"name": "Cirdan"}, "doc_as_upsert": True})
    script = {"source": "ctx._source.words = 'silent'", "lang": "painless"}
    query = {"query": {"term": {"kin": "vanyar"}}, "script": script}
    assert client.update_by_query(index=elves, body=query, refresh=True)["updated"] == 1
    expected = {
        "1": ELVES["1"] | {"children": 6},
        "2": ELVES["2"] | {"children": 9},
        "3": ELVES["3"],
        "4": ELVES["4"] | {"words": "silent"},
        "6": {"name": "Cirdan"},
    }
    assert pair.documents(elves) == (expected, expected)
    agree(traffic.logged())


def test_an_update_that_names_the_version_it_has_seen(pair: Pair, traffic: Traffic, elves: str) -> None:
    """The shadow saw the same writes in the same order, so its sequence numbers are the primary's."""
    for children in range(3):
        seen = traffic.client.get(index=elves, id="4")
        traffic.client.index(
            index=elves,
            id="4",
            body=ELVES["4"] | {"children": children},
            if_seq_no=seen["_seq_no"],
            if_primary_term=seen["_primary_term"],
        )
    primary, shadow = pair.documents(elves)
    assert primary["4"]["children"] == shadow["4"]["children"] == 2
    agree(traffic.logged())


def test_the_last_write_of_each_of_several_clients_stays(pair: Pair, traffic: Traffic, elves: str) -> None:
    """What one client does one after the other is done so on the shadow, whatever others do meanwhile."""

    def write(name: str) -> None:
        for children in range(30):
            traffic.client.index(index=elves, id=name, body=ELVES[name] | {"children": children})

    with ThreadPoolExecutor(len(ELVES)) as threads:
        list(threads.map(write, ELVES))
    expected = {name: source | {"children": 29} for name, source in ELVES.items()}
    primary, shadow = pair.documents(elves)
    assert primary == expected
    assert shadow == expected
    agree(traffic.logged())


def test_several_clients_count_in_one_document(pair: Pair, traffic: Traffic, elves: str) -> None:
    script = {"script": {"source": "ctx._source.children++"}}

    def count(_: int) -> None:
        traffic.client.update(index=elves, id="4", body=script, retry_on_conflict=100)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(count, range(60)))
    primary, shadow = pair.documents(elves)
    assert primary["4"]["children"] == shadow["4"]["children"] == 60
    agree(traffic.logged())


def test_delete(pair: Pair, traffic: Traffic, elves: str) -> None:
    traffic.client.delete(index=elves, id="1")
    query = {"query": {"range": {"children": {"lt": 5}}}}
    assert traffic.client.delete_by_query(index=elves, body=query, refresh=True)["deleted"] == 2
    expected = {"2": ELVES["2"]}
    assert pair.documents(elves) == (expected, expected)
    traffic.client.indices.delete(index=elves)
    pair.drain()
    assert not pair.primary.indices.exists(index=elves)
    assert not pair.shadow.indices.exists(index=elves)
    agree(traffic.logged())


def test_refusals(traffic: Traffic, elves: str) -> None:
    """What the primary refuses, the shadow refuses too; HEAD and 404 among it."""
    with pytest.raises(NotFoundError):
        traffic.client.get(index=elves, id="9")
    with pytest.raises(ConflictError):
        traffic.client.create(index=elves, id="1", body={})
    with pytest.raises(RequestError):
        traffic.client.search(index=elves, body={"query": {"no_such_query": {}}})
    assert traffic.client.exists(index=elves, id="1")
    assert not traffic.client.exists(index=elves, id="9")
    assert not traffic.client.indices.exists(index=f"{elves}-not")
    logged = traffic.logged()
    agree(logged)
    assert [each.statuses[1] for each in logged][-6:] == [404, 409, 400, 200, 404, 404]


def test_templates(pair: Pair, traffic: Traffic, index: str) -> None:
    properties = {"name": {"type": "keyword"}, "born": {"type": "date"}}
    template = {"settings": {"number_of_shards": 1}, "mappings": {"properties": properties}}
    traffic.client.indices.put_index_template(
        name=f"{index}-t", body={"index_patterns": [f"{index}-new-*"], "template": template}
    )
    traffic.client.indices.put_template(
        name=f"{index}-t", body={"index_patterns": [f"{index}-old-*"]} | template
    )
    for age in ("new", "old"):
        traffic.client.index(index=f"{index}-{age}-1", id="1", body={"name": "Miriel"}, refresh="wait_for")
    pair.drain()
    for client in (pair.primary, pair.shadow):
        for age in ("new", "old"):
            mapping = client.indices.get_mapping(index=f"{index}-{age}-1")
            assert mapping[f"{index}-{age}-1"]["mappings"]["properties"] == properties
    traffic.client.indices.delete_index_template(name=f"{index}-t")
    traffic.client.indices.delete_template(name=f"{index}-t")
    agree(traffic.logged())


def test_aliases(pair: Pair, traffic: Traffic, elves: str) -> None:
    other = f"{elves}-other"
    traffic.client.indices.put_alias(index=elves, name=f"{elves}-now")
    traffic.client.index(index=f"{elves}-now", id="7", body={"name": "Denethor"}, refresh="wait_for")
    traffic.client.indices.create(index=other, wait_for_active_shards="all")
    swap = [
        {"remove": {"index": elves, "alias": f"{elves}-now"}},
        {"add": {"index": other, "alias": f"{elves}-now"}},
    ]
    traffic.client.indices.update_aliases(body={"actions": swap})
    pair.drain()
    for client in (pair.primary, pair.shadow):
        assert list(client.indices.get_alias(name=f"{elves}-now")) == [other]
        assert client.get(index=elves, id="7")["_source"] == {"name": "Denethor"}
    agree(traffic.logged())


def test_reindex(pair: Pair, traffic: Traffic, elves: str) -> None:
    target = f"{elves}-target"
    body = {
        "source": {"index": elves, "query": {"term": {"kin": "noldor"}}},
        "dest": {"index": target},
        "script": {"source": "ctx._source.kin = 'exiles'"},
    }
    assert traffic.client.reindex(body=body, refresh=True)["created"] == 2
    expected = {name: ELVES[name] | {"kin": "exiles"} for name in ("1", "2")}
    assert pair.documents(target) == (expected, expected)
    agree(traffic.logged())


def test_snapshots_to_a_file_repository_that_the_nodes_share(
    pair: Pair, traffic: Traffic, elves: str
) -> None:
    snapshots = traffic.client.snapshot
    repository = f"{elves}-repository"
    snapshots.create_repository(
        repository=repository, body={"type": "fs", "settings": {"location": repository}}
    )
    assert len(snapshots.verify_repository(repository=repository)["nodes"]) == 2
    answer = snapshots.create(
        repository=repository, snapshot="one", body={"indices": elves}, wait_for_completion=True
    )
    assert answer["snapshot"]["state"] == "SUCCESS"
    traffic.client.indices.delete(index=elves)
    snapshots.restore(
        repository=repository, snapshot="one", body={"indices": elves}, wait_for_completion=True
    )
    assert pair.documents(elves) == (ELVES, ELVES)
    for client in (pair.primary, pair.shadow):
        [snapshot] = client.snapshot.get(repository=repository, snapshot="one")["snapshots"]
        assert (snapshot["state"], snapshot["indices"]) == ("SUCCESS", [elves])
    snapshots.delete(repository=repository, snapshot="one")
    snapshots.delete_repository(repository=repository)
    agree(traffic.logged())


def test_cat_and_cluster_apis(traffic: Traffic, elves: str) -> None:
    cat = traffic.client.cat
    assert [row["docs.count"] for row in cat.indices(index=elves, format="json")] == ["4"]
    assert len(cat.nodes(format="json", h="name")) == 2
    assert cat.count(index=elves).split()[-1] == "4"
    assert len(cat.shards(index=elves, format="json")) == 4
    for text in (cat.health(v=True), cat.aliases(v=True), cat.allocation(v=True), cat.templates(v=True)):
        assert text.strip()
    assert traffic.client.info()["version"]["number"] == "7.10.2"
    assert traffic.client.cluster.health()["number_of_nodes"] == 2
    assert traffic.client.ping()
    agree(traffic.logged())


def test_ids_that_the_primary_chose_are_its_own_as_yet(pair: Pair, traffic: Traffic, index: str) -> None:
    """The documents are there on both, in equal number; that they have the same ids is yet to come."""
    for source in ELVES.values():
        traffic.client.index(index=index, body=source, refresh=True)
    primary, shadow = pair.documents(index)
    assert sorted(map(str, primary.values())) == sorted(map(str, shadow.values()))
    assert len(primary) == len(ELVES)
    agree(traffic.logged())
