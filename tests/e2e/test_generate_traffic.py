"""generate_traffic.py through both proxies: real clusters answer all of it, and both logs have it byte for byte."""

import json
import secrets
import subprocess
import sys
from collections import Counter
from urllib.parse import urlsplit

from capture.workspace import REPOSITORY
from tests.e2e.pair import Pair
from tests.integration.proxies import Proxy
from tests.integration.rig import poll
from traffic.operations import OPERATIONS
from traffic.settings import TrafficSettings, read_mix
from traffic.workload import workload

_AGENT = "cluster-traffic-capture/generate-traffic"
_LOGGED_S = 30
_END_S = 200

Sent = tuple[str, str, str]
"""Method, path with query, body."""


def logged(proxy: Proxy) -> "Counter[Sent]":
    """What a log has of it."""
    found: Counter[Sent] = Counter()
    for line in proxy.whole_lines():
        request = json.loads(line)["request"]
        if any(
            header["name"].lower() == "user-agent" and header["value"] == _AGENT
            for header in request["headers"]
        ):
            url = urlsplit(request["url"])
            path = f"{url.path}?{url.query}" if url.query else url.path
            found[request["method"], path, request.get("postData", {}).get("text", "")] += 1
    return found


def test_every_operation_through_the_proxies(pair: Pair) -> None:
    mix = ",".join(f"{name}=1" for name in OPERATIONS)
    index = f"traffic-{secrets.token_hex(4)}"
    settings = TrafficSettings(
        rate=20,
        duration_s=15,
        mix=read_mix(mix),
        index=index,
        documents=500,
        bulk_size=20,
        arrivals="poisson",
    )
    process = subprocess.run(
        [
            sys.executable, "generate_traffic.py", "--json", "--target", pair.primary_proxy.url,
            "--rate", "20", "--duration", "15", "--mix", mix, "--index", index, "--documents", "500", "--bulk-size", "20",
            "--arrivals", "poisson", "--timeout", "60",
        ],
        cwd=REPOSITORY, capture_output=True, text=True, timeout=_END_S, check=False,
    )  # fmt: skip
    assert process.returncode == 0, process.stdout + process.stderr
    results = json.loads(process.stdout)
    assert results["requests"]["answered"] == 300
    assert set(results["operations"]) == set(OPERATIONS)

    sent = Counter(
        (due.request.method, due.request.path, due.request.body.decode()) for due in workload(settings)
    )
    scrolls = sum(count for (_, path, _), count in sent.items() if path.endswith("_search?scroll=1m"))
    assert scrolls > 0
    pair.drain()
    for proxy in (pair.primary_proxy, pair.shadow_proxy):
        found = poll(
            "the whole traffic in the log",
            lambda proxy=proxy: found if (found := logged(proxy)) >= sent else None,  # type: ignore[misc]
            _LOGGED_S,
        )
        # Beside it there are the later pages and the ends of scrolls, and the preparation.
        others = found - sent
        followers = {key: count for key, count in others.items() if key[1] == "/_search/scroll"}
        assert sum(followers.values()) == 2 * scrolls
        assert all(path == "/" or index in path for _, path, _ in others.keys() - followers.keys())

    primary, shadow = pair.documents(index)
    assert set(primary) == set(shadow)
    assert len(primary) > 500
    # What is changed by two requests at once may be changed in either order; what is written once is the same.
    written_once = [name for name in primary if int(name[-9:]) >= 500]
    assert written_once
    assert [primary[name] for name in written_once] == [shadow[name] for name in written_once]
