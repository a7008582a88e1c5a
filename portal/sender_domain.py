"""What the DNS says of the domain that mail comes from: SPF, DKIM and DMARC, for `portal doctor`. Sends no mail."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.utils import parseaddr

import dns.exception
import dns.resolver
import idna

from portal.findings import Finding, Level
from portal.settings import Settings

SUBJECT = "sender"
SECONDS = 2.0
"""How long one answer may take."""
_RESERVED = frozenset({"example", "test", "invalid", "localhost", "local", "internal", "localdomain", "arpa", "onion"})
_RESERVED_NAMES = frozenset({"example.com", "example.net", "example.org"})
_SPF = re.compile(r"v=spf1(?: |$)", re.IGNORECASE)
_DKIM_KEY = re.compile(r"(?:^|;)\s*p\s*=\s*([^;]*)", re.IGNORECASE)
_DMARC = re.compile(r"v\s*=\s*DMARC1\s*(?:;|$)", re.IGNORECASE)
_POLICY = re.compile(r";\s*p\s*=\s*(none|quarantine|reject)\s*(?:;|$)", re.IGNORECASE)
_EVERYBODY = re.compile(r"(?:^|\s)\+?all(?:\s|$)", re.IGNORECASE)
_MAX_PARENTS = 8


class DnsUnreachable(Exception):
    """No name server answered in time, or none is configured."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The TXT records of a name. `is_there` is whether the name, or anything below it, exists at all."""

    texts: tuple[str, ...]
    is_there: bool


Lookup = Callable[[str], Answer]
"""Looks up the TXT records of a name. Raises DnsUnreachable."""


def examine_sender(settings: Settings, *, resolver: dns.resolver.Resolver | None = None) -> Iterator[Finding]:
    """Yield what receivers of our mail find about its sender's domain: warnings, since mail may arrive all the same.

    A domain that nobody can register (this machine's, one of examples and tests) is not looked up; on a public installation it
    is a warning. When the DNS does not answer, that is the one finding.
    """
    domain = _domain_of(settings.mail_from)
    if is_reserved(domain):
        if not settings.is_loopback_http:
            yield _warning(
                f"MAIL_FROM is an address at {domain or 'no domain'}, from which no server takes mail: set it"
            )
        return
    lookup = _lookup_through(resolver)
    try:
        findings = [_spf(domain, lookup), _dkim(domain, settings.dkim_selectors, lookup), _dmarc(domain, lookup)]
    except DnsUnreachable as fault:
        yield _warning(f"the DNS could not be asked about {domain}: {fault}")
        return
    yield from findings


def is_reserved(domain: str) -> bool:
    """Return whether nobody can register the domain: it is none, of this machine or network, or kept for examples and tests."""
    name = domain.rstrip(".")
    last = name.rpartition(".")[2]
    is_registered = "." in name and last not in _RESERVED and not last.isdigit() and "[" not in name
    return not is_registered or any(name == each or name.endswith(f".{each}") for each in _RESERVED_NAMES)


def _domain_of(address: str) -> str:
    """Return the domain of an address as the DNS knows it, "" where there is none."""
    domain = parseaddr(address)[1].rpartition("@")[2].strip().lower()
    try:
        return idna.encode(domain, uts46=True).decode("ascii") if not domain.isascii() else domain
    except idna.IDNAError:
        return ""


def _spf(domain: str, lookup: Lookup) -> Finding:
    """RFC 7208: exactly one record at the domain itself, which does not let everybody send."""
    records = [text for text in lookup(domain).texts if _SPF.match(text)]
    if not records:
        return _warning(
            f"{domain} has no SPF record: servers may refuse our mail. Publish one that names your mail server, such as "
            '"v=spf1 include:… -all"'
        )
    if len(records) > 1:
        return _warning(f"{domain} has {len(records)} SPF records, so that none counts: make them one")
    if _EVERYBODY.search(records[0]):
        return _warning(
            f"the SPF record of {domain} ends with +all: anybody may send in your name. End it with -all or ~all"
        )
    return Finding(Level.OK, SUBJECT, f"{domain} has an SPF record")


def _dkim(domain: str, selectors: tuple[str, ...], lookup: Lookup) -> Finding:
    """RFC 6376: a key lies below `_domainkey`, by a selector that only the mail server knows."""
    if not selectors:
        if lookup(f"_domainkey.{domain}").is_there:
            return Finding(
                Level.OK, SUBJECT, f"{domain} has DKIM keys; set DKIM_SELECTORS, and the one in use is looked at too"
            )
        return _warning(
            f"{domain} has no DKIM key: let your mail server sign, and publish its key (where there is one, set DKIM_SELECTORS)"
        )
    for selector in selectors:
        name = f"{selector}._domainkey.{domain}"
        keys = [match[1] for text in lookup(name).texts if (match := _DKIM_KEY.search(text))]
        if not keys:
            return _warning(f"there is no DKIM key at {name}: publish the one with which your mail server signs")
        if not any("".join(key.split()) for key in keys):
            return _warning(f"the DKIM key at {name} is revoked: publish the one with which your mail server signs")
    return Finding(Level.OK, SUBJECT, f"{domain} has a DKIM key for {', '.join(selectors)}")


def _dmarc(domain: str, lookup: Lookup) -> Finding:
    """RFC 7489: one record at `_dmarc` of the domain, or of a domain above it."""
    for owner in _with_parents(domain):
        records = [text for text in lookup(f"_dmarc.{owner}").texts if _DMARC.match(text)]
        if len(records) > 1:
            return _warning(f"_dmarc.{owner} has {len(records)} DMARC records, so that none counts: make them one")
        if records:
            policy = _POLICY.search(records[0])
            if policy is None:
                return _warning(f"the DMARC record at _dmarc.{owner} has no policy: p is none, quarantine or reject")
            return Finding(Level.OK, SUBJECT, f"{domain} has the DMARC policy {policy[1].lower()}")
    return _warning(
        f'{domain} has no DMARC record: large mail services refuse senders without. Publish "v=DMARC1; p=none" at '
        f"_dmarc.{domain} to begin with"
    )


def _with_parents(domain: str) -> Iterator[str]:
    """Yield the domain and those above it, down to two labels; a policy of the registered domain holds for all below."""
    labels = domain.split(".")[-_MAX_PARENTS:]
    for start in range(len(labels) - 1):
        yield ".".join(labels[start:])


def _lookup_through(resolver: dns.resolver.Resolver | None) -> Lookup:
    def lookup(name: str) -> Answer:
        try:
            chosen = resolver or dns.resolver.get_default_resolver()
            answer = chosen.resolve(f"{name}.", "TXT", lifetime=SECONDS, raise_on_no_answer=False)
        except dns.resolver.NXDOMAIN:
            return Answer((), is_there=False)
        except (dns.exception.DNSException, OSError) as fault:
            raise DnsUnreachable(type(fault).__name__) from fault
        texts = [b"".join(record.strings).decode("utf-8", "replace") for record in answer.rrset or ()]
        return Answer(tuple(texts), is_there=True)

    return lookup


def _warning(sentence: str) -> Finding:
    return Finding(Level.WARNING, SUBJECT, sentence)
