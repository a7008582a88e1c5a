"""Calls to a provider: bounded in time and size, without redirects, proxies from the environment, or surprises."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests

MAXIMUM_ANSWER_BYTES = 1 << 20
_CHUNK_BYTES = 1 << 16


class Unreadable(Exception):
    """No answer, a broken one, or one that is not a JSON object: what happened on the other side is unknown."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer with a JSON object as its body."""

    status: int
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """A whole answer as its bytes; `headers` find a name in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class JsonClient:
    """Speaks JSON to one origin with one set of headers; thread-safe, since every call has a session of its own pool."""

    def __init__(self, origin: str, headers: Mapping[str, str], timeout_seconds: float) -> None:
        self._origin = origin.rstrip("/")
        self._headers = dict(headers)
        self._timeout = timeout_seconds

    def get(
        self, path: str, query: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        return self._call("GET", path, query=query, headers=headers)

    def post(self, path: str, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Answer:
        return self._call("POST", path, body=body, headers=headers)

    def delete(self, path: str) -> Answer:
        return self._call("DELETE", path)

    def _call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        answer = fetch(
            method,
            self._origin + path,
            timeout_seconds=self._timeout,
            headers={**self._headers, **(headers or {})},
            params=query,
            json=body,
        )
        return Answer(answer.status, json_object(answer.body))


def fetch(method: str, url: str, *, timeout_seconds: float, headers: Mapping[str, str], **content: Any) -> RawAnswer:
    """One request and its whole answer; `content` is what `requests` takes as `params`, `json` or `data`.

    Raises Unreadable when no whole answer of at most `MAXIMUM_ANSWER_BYTES` came in time.
    """
    with requests.Session() as session:
        session.trust_env = False
        try:
            response = session.request(
                method,
                url,
                headers={**headers, "Accept-Encoding": "identity"},
                timeout=(min(3.05, timeout_seconds), timeout_seconds),
                allow_redirects=False,
                stream=True,
                **content,
            )
            with response:
                raw = _whole(response, time.monotonic() + timeout_seconds)
                expected = _told_length(response.headers)
        except (requests.RequestException, OSError) as fault:
            raise Unreadable(type(fault).__name__) from fault
        except Exception as fault:  # urllib3 raises its own family while the body is read
            if not type(fault).__module__.startswith("urllib3"):
                raise
            raise Unreadable(type(fault).__name__) from fault
    if len(raw) > MAXIMUM_ANSWER_BYTES or len(raw) < expected:
        raise Unreadable("size")
    return RawAnswer(response.status_code, response.headers, raw)


def _told_length(headers: Mapping[str, str]) -> int:
    """How many bytes the body has to have. An answer that was encoded although we asked for none tells the length on the line,
    which is not that of what is read: a short one grows by it."""
    told = headers.get("Content-Length", "")
    return int(told) if told.isdecimal() and told.isascii() and "Content-Encoding" not in headers else 0


def _whole(response: requests.Response, deadline: float) -> bytes:
    """The body, or as much of it as proves it too large. The timeout of a socket begins anew with each byte; this one does not."""
    parts: list[bytes] = []
    size = 0
    while size <= MAXIMUM_ANSWER_BYTES and (part := response.raw.read1(_CHUNK_BYTES, decode_content=True)):
        parts.append(part)
        size += len(part)
        if time.monotonic() > deadline:
            raise Unreadable("slow")
    return b"".join(parts)


def json_object(raw: bytes) -> Mapping[str, Any]:
    """The body as a JSON object. Raises Unreadable for anything else."""
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError) as fault:
        raise Unreadable("json") from fault
    if not isinstance(value, dict):
        raise Unreadable("shape")
    return value
