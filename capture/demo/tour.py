"""The demo shows itself: sends the example commands and shows what both clusters make of them."""

import json
import textwrap
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

import requests

from capture.container import Container
from capture.demo.examples import CAPTURE_LOG, DOCUMENT, Example, examples, last_line_command
from capture.demo.logs import (
    Answer,
    Entry,
    answer_of,
    behind_ms,
    newest,
    parse_log,
    short,
    summary,
    with_id,
)
from capture.demo.plan import Plan
from capture.demo.transcript import Transcript
from capture.errors import UserError

_ANSWER_S = 30
_MIRROR_S = 30
_POLL_S = 0.1

_Value = TypeVar("_Value")


class Tour:
    """A tour of the demo that runs by ``plan``, with its two proxies. ``address`` is where its ports are."""

    def __init__(
        self, plan: Plan, primary: Container, shadow: Container, address: str, transcript: Transcript
    ) -> None:
        self._plan = plan
        self._primary = primary
        self._shadow = shadow
        self._address = address
        self._transcript = transcript
        self._http = requests.Session()
        # A proxy of the environment is for other machines.
        self._http.trust_env = False

    def run(self) -> None:
        """Take the tour.

        Raises:
            UserError: a request failed, or the shadow does not have the document.
        """
        last: tuple[Entry, Entry] | None = None
        document: Answer | None = None
        for example in examples(self._plan):
            if example.mirrored:
                last = self._show_mirrored(example)
                if example.body is not None:
                    self._await_copies()
            else:
                document = self._show_direct(example)
        assert last is not None
        assert document is not None
        self._show_captures(*last)
        source = self._show_document(document)
        if source != DOCUMENT:
            raise UserError(
                f"the shadow cluster does not have the document: {source!r} instead of {DOCUMENT!r}",
                hint=f"again with --keep, then: docker logs {self._plan.primary.proxy}",
            )

    def _show_mirrored(self, example: Example) -> tuple[Entry, Entry]:
        """Send a request through the primary's proxy; its lines in both logs."""
        seen = len(self._log(self._primary))
        self._transcript.result(f"\n$ {example.command}")
        answer = self._send(example)
        self._show("primary", answer)
        path = example.target
        primary = self._await(
            f"the primary's log to have {example.method} {path}",
            lambda: newest(self._log(self._primary), seen, example.method, path),
        )
        shadow = self._await(
            f"the shadow's log to have {example.method} {path}",
            lambda: with_id(self._log(self._shadow), primary["_id"]),
        )
        self._show("shadow, to the mirrored request", answer_of(shadow))
        return primary, shadow

    def _await_copies(self) -> None:
        """Wait until a new index is on all nodes of both clusters: until then one may answer a read with 503."""
        for side in self._plan.sides:
            url = f"http://{self._address}:{side.node_ports[0]}/_cluster/health"
            with self._transcript.during(f"{side.cluster} copies the new index"):
                settled = {"wait_for_no_initializing_shards": "true", "timeout": f"{_ANSWER_S}s"}
                # Its answer is not needed: what is still missing then shows in the next request.
                with suppress(requests.RequestException):
                    self._http.get(url, params=settled, timeout=2 * _ANSWER_S)

    def _show_direct(self, example: Example) -> Answer:
        self._transcript.result(f"\n$ {example.command}")
        answer = self._send(example)
        self._show("shadow", answer)
        return answer

    def _show_captures(self, primary: Entry, shadow: Entry) -> None:
        for side, container in zip(self._plan.sides, (self._primary, self._shadow), strict=True):
            self._transcript.result(f"\n$ {last_line_command(side)}     # shortened")
            self._transcript.result(textwrap.indent(short(self._log(container)[-1]), "  "))
        counters = self._await("the shadow to have had every request", self._settled)
        self._transcript.result(f"\n{summary(*counters, behind_ms(primary, shadow))}")

    def _show_document(self, answer: Answer) -> object:
        try:
            source: object = json.loads(answer.body).get("_source")
        except (ValueError, AttributeError):
            source = None
        self._transcript.result(f"The document as the shadow cluster has it: {json.dumps(source)}")
        return source

    def _settled(self) -> tuple[dict[str, int], dict[str, int]] | None:
        primary, shadow = self._status(self._primary), self._status(self._shadow)
        done = primary["waiting_for_shadow"] == 0 and primary["captured"] == primary["transactions"]
        return (primary, shadow) if done and shadow["captured"] >= primary["mirrored"] else None

    def _send(self, example: Example) -> Answer:
        url = f"http://{self._address}:{example.port}{example.target or '/'}"
        headers = {"Content-Type": "application/json"} if example.body is not None else {}
        try:
            response = self._http.request(
                example.method, url, data=example.body, headers=headers, timeout=_ANSWER_S
            )
        except requests.RequestException as error:
            raise UserError(
                f"no answer to {example.method} {url}: {error}",
                hint=f"docker logs {self._plan.primary.proxy} says what it sees",
                detail=self._primary.logs()[-2000:],
            ) from error
        if not response.ok:
            raise UserError(
                f"{example.method} {url} was answered with {response.status_code}: {response.text[:300]}",
                hint=f"docker logs {self._plan.primary.proxy} says what it sees",
                detail=self._primary.logs()[-2000:],
            )
        return Answer(response.status_code, response.text)

    def _show(self, who: str, answer: Answer) -> None:
        self._transcript.result(f"{who}: {answer.status}")
        self._transcript.result(textwrap.indent(answer.body.rstrip("\n"), "  "))

    def _log(self, container: Container) -> list[Entry]:
        try:
            return parse_log(container.read_file(CAPTURE_LOG))
        except FileNotFoundError:
            return []

    def _status(self, container: Container) -> dict[str, int]:
        executed = container.exec("capture-status")
        if executed.exit_code != 0:
            raise UserError(
                f"{container.name}: capture-status failed: {executed.output.strip()}",
                hint=f"docker logs {container.name}",
            )
        status: dict[str, int] = json.loads(executed.output)
        return status

    def _await(self, what: str, look: Callable[[], _Value | None]) -> _Value:
        deadline = time.monotonic() + _MIRROR_S
        with self._transcript.during(what):
            while (value := look()) is None:
                if time.monotonic() > deadline:
                    raise UserError(
                        f"waited {_MIRROR_S} s in vain for {what}",
                        hint=f"again with --keep, then: docker logs {self._plan.primary.proxy}; docker exec {self._plan.primary.proxy} capture-status",
                        detail="\n".join(self._primary.logs().splitlines()[-10:]),
                    )
                time.sleep(_POLL_S)
        return value
