"""HTTP requests to a provider: limited in time and size, without redirects and without proxies from the environment."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests

MAXIMUM_RESPONSE_BYTES = 1 << 20
_CHUNK_BYTES = 1 << 16


class UnusableResponse(Exception):
    """No response, a truncated one, or one that is not a JSON object: whether the request was carried out is unknown."""


@dataclass(frozen=True, slots=True)
class JsonResponse:
    """A complete response with a JSON object as its body."""

    status: int
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RawResponse:
    """A complete response with its body as bytes; `headers` are case-insensitive."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class JsonClient:
    """JSON requests to one origin with fixed headers. Thread-safe: each request has a `requests.Session` of its own."""

    def __init__(self, origin: str, headers: Mapping[str, str], timeout_seconds: float) -> None:
        self._origin = origin.rstrip("/")
        self._headers = dict(headers)
        self._timeout = timeout_seconds

    def get(
        self, path: str, query: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> JsonResponse:
        return self._call("GET", path, query=query, headers=headers)

    def post(self, path: str, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> JsonResponse:
        return self._call("POST", path, body=body, headers=headers)

    def delete(self, path: str) -> JsonResponse:
        return self._call("DELETE", path)

    def _call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> JsonResponse:
        response = fetch(
            method,
            self._origin + path,
            timeout_seconds=self._timeout,
            headers={**self._headers, **(headers or {})},
            params=query,
            json=body,
        )
        return JsonResponse(response.status, json_object(response.body))


def fetch(method: str, url: str, *, timeout_seconds: float, headers: Mapping[str, str], **content: Any) -> RawResponse:
    """Send one request and return its complete response; `content` is passed to `requests` as `params`, `json` or `data`.

    Raises UnusableResponse when no complete response of at most `MAXIMUM_RESPONSE_BYTES` arrived in time.
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
                raw = _read_body(response, time.monotonic() + timeout_seconds)
                expected = _content_length(response.headers)
        except (requests.RequestException, OSError) as fault:
            raise UnusableResponse(type(fault).__name__) from fault
        except Exception as fault:  # urllib3 raises exceptions of its own while the body is read.
            if not type(fault).__module__.startswith("urllib3"):
                raise
            raise UnusableResponse(type(fault).__name__) from fault
    if len(raw) > MAXIMUM_RESPONSE_BYTES or len(raw) < expected:
        raise UnusableResponse("size")
    return RawResponse(response.status_code, response.headers, raw)


def _content_length(headers: Mapping[str, str]) -> int:
    """Return how many bytes the body must have, 0 where that is not known. The length of a response that was compressed
    although we requested none is that of the compressed bytes, not of the body as it is read."""
    length = headers.get("Content-Length", "")
    return int(length) if length.isdecimal() and length.isascii() and "Content-Encoding" not in headers else 0


def _read_body(response: requests.Response, deadline: float) -> bytes:
    """Return the body, or as much of it as proves it too large. Unlike a socket's timeout, the deadline does not restart with
    each byte."""
    parts: list[bytes] = []
    size = 0
    while size <= MAXIMUM_RESPONSE_BYTES and (part := response.raw.read1(_CHUNK_BYTES, decode_content=True)):
        parts.append(part)
        size += len(part)
        if time.monotonic() > deadline:
            raise UnusableResponse("slow")
    return b"".join(parts)


def json_object(raw: bytes) -> Mapping[str, Any]:
    """Return the body as a JSON object. Raises UnusableResponse for anything else."""
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError) as fault:
        raise UnusableResponse("json") from fault
    if not isinstance(value, dict):
        raise UnusableResponse("shape")
    return value
