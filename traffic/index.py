"""The index that the traffic is about: made and filled when it is not there, and removed in the end if that is wished."""

import json
from typing import Any

from capture.console import Console
from capture.errors import ExitCode, UserError, bad_input
from traffic.client import Answer, Client, NoAnswerError
from traffic.documents import INDEX_BODY, MADE_BY, Documents
from traffic.operations import NDJSON, Request
from traffic.settings import TrafficSettings

_BULK_DOCUMENTS = 1000
# Every shard has a copy that can be searched: one that is still recovering may answer 503.
_READY_S = 60
# So much longer than the cluster waits for that, the client does.
_GRACE_S = 10


class Index:
    """One index of a cluster."""

    def __init__(self, client: Client, settings: TrafficSettings, console: Console) -> None:
        self._client = client
        self._settings = settings
        self._console = console
        self._usable = False

    async def prepare(self) -> None:
        """See that the target is a cluster and that the index and its documents are there.

        Raises:
            UserError: (exit code 5) no cluster answers; (exit code 2) the index belongs to somebody else; (exit code 1) it can't be made.
        """
        cluster = await self._cluster()
        made = not await self._exists()
        if made:
            await self._create()
        self._usable = True
        await self._wait_until_ready()
        present = await self._count()
        if present < self._settings.documents:
            await self._fill()
            present = await self._count()
        self._console.progress(
            f"{cluster} at {self._settings.target}; index '{self._settings.index}' "
            f"{'was made and' if made else 'was there, and'} has {present:,} documents"
        )

    async def remove(self) -> None:
        """Remove the index, unless `prepare` has not come so far as to know that it may.

        Raises:
            UserError: it can't be removed.
        """
        if self._usable:
            await self._expect("remove the index", Request("DELETE", self._path()))
            self._console.progress(f"Removed index '{self._settings.index}'")

    async def _cluster(self) -> str:
        target = self._settings.target
        try:
            answer = await self._client.send(Request("GET", "/"))
        except NoAnswerError as problem:
            raise UserError(
                f"nothing answers at {target} ({problem.kind}: {problem})",
                hint=_HINTS.get(
                    problem.kind, "start the demo in another terminal: make demo; or name another --target"
                ),
                exit_code=ExitCode.NO_TARGET,
            ) from problem
        if answer.status in (401, 403):
            raise UserError(
                f"{target} lets nobody in like that (status {answer.status})",
                hint="--user and --password, or CAPTURE_TRAFFIC_USER and CAPTURE_TRAFFIC_PASSWORD in the environment",
                exit_code=ExitCode.NO_TARGET,
            )
        if answer.status >= 500:
            raise UserError(
                f"no cluster answers behind {target} (status {answer.status})",
                hint="is it still starting? try again when its nodes are up",
                exit_code=ExitCode.NO_TARGET,
            )
        version = _object(answer).get("version")
        if answer.status != 200 or not isinstance(version, dict) or "number" not in version:
            raise UserError(
                f"what answers at {target} is no cluster (status {answer.status})",
                hint="name the cluster's or the proxy's address: --target http://HOST:PORT",
                exit_code=ExitCode.NO_TARGET,
            )
        name = "OpenSearch" if version.get("distribution") == "opensearch" else "Elasticsearch"
        return f"{name} {version['number']}"

    async def _exists(self) -> bool:
        answer = await self._expect("look for the index", Request("GET", self._path()), 404)
        if answer.status == 404:
            return False
        owners = [_owner(index) for index in _object(answer).values()]
        if not owners or any(owner != MADE_BY for owner in owners):
            raise bad_input(
                f"index '{self._settings.index}' is not one of this command's: it would be written to",
                "name another --index, one that is not there",
            )
        return True

    async def _create(self) -> None:
        answer = await self._expect(
            "make the index", Request("PUT", self._path(), json.dumps(INDEX_BODY).encode()), 400
        )
        # Another load may have made it just now.
        if answer.status == 400 and "resource_already_exists_exception" not in str(_object(answer)):
            raise _refused("make the index", answer)

    async def _wait_until_ready(self) -> None:
        path = f"/_cluster/health{self._path()}?wait_for_no_initializing_shards=true&timeout={_READY_S}s"
        # 408: it goes on all the same, the errors will tell.
        timeout_s = max(self._settings.timeout_s, _READY_S + _GRACE_S)
        await self._expect("wait for the index", Request("GET", path), 408, timeout_s=timeout_s)

    async def _count(self) -> int:
        await self._expect("refresh the index", Request("POST", f"{self._path()}/_refresh"))
        answer = await self._expect("count its documents", Request("GET", f"{self._path()}/_count"))
        count = _object(answer).get("count")
        if not isinstance(count, int):
            raise _refused("count its documents", answer)
        return count

    async def _fill(self) -> None:
        total = self._settings.documents
        self._console.progress(f"Indexing {total:,} documents into '{self._settings.index}'...")
        documents = Documents()
        for first in range(0, total, _BULK_DOCUMENTS):
            numbers = range(first, min(first + _BULK_DOCUMENTS, total))
            lines = "".join(documents.bulk_lines(number, number) for number in numbers)
            answer = await self._expect(
                "index documents", Request("POST", f"{self._path()}/_bulk", lines.encode(), NDJSON)
            )
            if _object(answer).get("errors"):
                raise _refused("index documents", answer)

    async def _expect(
        self, what: str, request: Request, *also: int, timeout_s: float | None = None
    ) -> Answer:
        """The answer, if its status is 200 or one of ``also``."""
        try:
            answer = await self._client.send(request, timeout_s=timeout_s)
        except NoAnswerError as problem:
            raise UserError(
                f"can't {what} at {self._settings.target} ({problem.kind}: {problem})",
                hint="is the cluster well? a slow one needs a longer --timeout",
            ) from problem
        if answer.status != 200 and answer.status not in also:
            raise _refused(what, answer)
        return answer

    def _path(self) -> str:
        return f"/{self._settings.index}"


_HINTS = {
    "certificate not trusted": "--ca FILE names the certificates to trust; --insecure trusts any",
    "time-out": "is it the right --target? a slow one needs a longer --timeout",
}


def _owner(index: object) -> object:
    """Who made an index, by the answer to ``GET /INDEX``; None: it does not say."""
    value = index
    for name in ("mappings", "_meta", "made_by"):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _object(answer: Answer) -> dict[str, Any]:
    try:
        value = json.loads(answer.body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _refused(what: str, answer: Answer) -> UserError:
    words = answer.body[:2000].decode("utf-8", "replace").strip()
    return UserError(
        f"can't {what} (status {answer.status})",
        hint="the cluster's own words are above",
        detail=words,
    )
