"""The section `[embed]` of the settings document: the origins whose pages may show the portal in a frame; pure."""

from __future__ import annotations

import re
from functools import cache
from ipaddress import ip_address
from typing import TYPE_CHECKING, Annotated

from pydantic import WrapValidator
from pydantic_core import PydanticCustomError

from portal.merchants.rules.settings_faults import Section, fault_at, refuse

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

MAX_ORIGINS = 40
"""The most origins of a merchant: all of them are in a header of each page in a frame."""
_MAX_LENGTH = 120
_ORIGIN = re.compile(
    r"(?P<scheme>https?)://(?P<wildcard>\*\.)?(?P<host>[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)(?::(?P<port>[0-9]{1,5}))?",
    re.ASCII,
)
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_LOOPBACK = ("localhost", "127.0.0.1")
_FORM = "is an origin such as https://shop.example or https://*.shop.example, in small letters and without a path"


def _read_origins(given: object) -> tuple[str, ...]:
    """Return the origins as a browser writes them, each once."""
    if not isinstance(given, list | tuple):
        raise PydanticCustomError("settings", "is a list")
    if len(given) > MAX_ORIGINS:
        raise PydanticCustomError("settings", "{message}", {"message": f"has {MAX_ORIGINS} entries at most"})
    refuse([fault_at((place,), fault, each) for place, each in enumerate(given) if (fault := _fault_of(each))])
    return tuple(dict.fromkeys(given))


def is_of_this_machine(origin: str) -> bool:
    """Return whether an origin is one of loopback, which only a test merchant may name."""
    return origin.startswith("http://")


def _fault_of(origin: object) -> str:
    """Return what is wrong with an origin, "" where nothing is."""
    if not isinstance(origin, str):
        return "is a text in quotation marks"
    if not origin.isascii():
        return "is written in ASCII: the letters of its name as xn--…"
    found = _ORIGIN.fullmatch(origin)
    if found is None or len(origin) > _MAX_LENGTH:
        return _FORM
    host, port = found["host"], found["port"]
    if port is not None and (port != str(int(port)) or not 0 < int(port) < 65536):
        return "has a port that is none"
    if port == ("443" if found["scheme"] == "https" else "80"):
        return "has the port that browsers leave out: leave it out here too"
    if found["scheme"] == "http":
        return (
            ""
            if host in _LOOPBACK and port and not found["wildcard"]
            else "is of https; http is for this machine (http://localhost:8000) alone"
        )
    return _host_fault(host)


def _host_fault(host: str) -> str:
    if _is_address(host) or not all(_LABEL.fullmatch(label) for label in host.split(".")):
        return "names no host: an origin has a name, such as shop.example"
    if _suffixes().privatesuffix(host) is None:
        return f"is of everybody: {host} is a public suffix, below which anyone may have a name"
    return ""


def _is_address(host: str) -> bool:
    """Return whether browsers take a host for an IP address: one whose last part is a number."""
    try:
        ip_address(host)
    except ValueError:
        return host.rpartition(".")[2].isdigit() or host.rpartition(".")[2].startswith("0x")
    return True


@cache
def _suffixes() -> PublicSuffixList:
    """Return the public suffix list that the library carries; nothing is fetched."""
    from publicsuffixlist import PublicSuffixList

    return PublicSuffixList()


Origins = Annotated[tuple[str, ...], WrapValidator(lambda given, _: _read_origins(given))]


class Embed(Section):
    """The portal in a frame: `origins` are those whose pages may show it, exact or `https://*.` before a registrable domain or below one."""

    origins: Origins = ()
