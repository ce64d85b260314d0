"""The cluster at the other end: whether it answers, and what it is."""

import http.client
import json
import urllib.error
import urllib.request
from dataclasses import dataclass

from traffic_gen.errors import TrafficError

_ANSWER_S = 10


@dataclass(frozen=True)
class Target:
    """What ``GET /`` says."""

    distribution: str
    version: str

    def __str__(self) -> str:
        return f"{self.distribution.capitalize()} {self.version}"

    @property
    def major(self) -> int:
        """The first number of the version."""
        return int(self.version.partition(".")[0])


def ask(host: str) -> Target:
    """What the cluster at ``host`` (HOST:PORT, or a URL) is.

    Raises:
        TrafficError: no cluster answers there.
    """
    url = host if "://" in host else f"http://{host}"
    # Without the proxies of the environment: those are for what is far away, and OpenSearch Benchmark uses none here either.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{url}/", timeout=_ANSWER_S) as answer:
            return read_target(answer.read())
    except urllib.error.HTTPError as error:
        raise _silent(host, f"it answers {error.code} {error.reason}") from error
    except urllib.error.URLError as error:
        raise _silent(host, str(error.reason)) from error
    except (OSError, ValueError, KeyError, TypeError, http.client.HTTPException) as error:
        raise _silent(host, str(error) or type(error).__name__) from error


def read_target(body: bytes) -> Target:
    """Read the answer to ``GET /``.

    Raises:
        ValueError, KeyError, TypeError: it is not that of a cluster.
    """
    version = json.loads(body)["version"]
    target = Target(version.get("distribution", "elasticsearch"), version["number"])
    _ = target.major
    return target


def _silent(host: str, why: str) -> TrafficError:
    return TrafficError(
        f"no cluster answers at {host}: {why}",
        hint="is the demo running (make demo)? On Linux also: docker run --add-host host.docker.internal:host-gateway; "
        "TARGET_HOSTS=HOST:PORT names another one",
    )
