"""What `portal doctor` says of the domain that mail comes from, against a name server on this machine."""

from __future__ import annotations

import socket
import time
from typing import Any

import dns.resolver
import pytest

from portal.doctor import examine
from portal.findings import Level
from portal.sender_domain import examine_sender, is_reserved
from portal.settings import Settings
from tests.conftest import SECRET_KEY
from tests.support.dns_server import Records, resolver_at, serve_names

SPF = {"shop.fr": ["google-site-verification=x", "v=spf1 include:_spf.mail.fr -all"]}
DKIM = {"s1._domainkey.shop.fr": ["v=DKIM1; k=rsa; p=" + "A" * 400]}
DMARC = {"_dmarc.shop.fr": ["v=DMARC1; p=reject; rua=mailto:dmarc@shop.fr"]}
SOUND: Records = {**SPF, **DKIM, **DMARC}


def settings_of(mail_from: str = "billing@shop.fr", **more: Any) -> Settings:
    values = {"SECRET_KEY": SECRET_KEY, "BASE_URL": "https://portal.shop.fr", "MAIL_FROM": mail_from, **more}
    return Settings.load({f"PORTAL_{name}": value for name, value in values.items()})


def examined(records: Records, settings: Settings | None = None) -> list[tuple[str, str]]:
    with serve_names(records) as resolver:
        findings = list(examine_sender(settings or settings_of(), resolver=resolver))
    assert {finding.subject for finding in findings} <= {"sender"}
    return [(finding.level.value, finding.sentence) for finding in findings]


def test_domain_with_all_three_is_ok():
    assert examined(SOUND, settings_of(DKIM_SELECTORS="s1")) == [
        ("ok", "shop.fr has an SPF record"),
        ("ok", "shop.fr has a DKIM key for s1"),
        ("ok", "shop.fr has the DMARC policy reject"),
    ]


def test_domain_without_any_is_three_warnings_and_no_fault():
    found = examined({"other.fr": ["x"]})

    assert [level for level, _ in found] == ["warning"] * 3
    for words, (_, sentence) in zip(("no SPF record", "no DKIM key", "no DMARC record"), found, strict=True):
        assert words in sentence


@pytest.mark.parametrize(
    ("records", "level", "words"),
    [
        ({"shop.fr": ["v=spf1 -all", "v=spf1 ~all"]}, "warning", "2 SPF records"),
        ({"shop.fr": ["v=spf1 +all"]}, "warning", "anybody may send"), ({"shop.fr": ["v=spf1 mx all"]}, "warning", "anybody may send"),
        ({"shop.fr": ["v=spf1 include:all.mail.fr ?all"]}, "ok", "SPF record"), ({"shop.fr": ["V=SPF1 redirect=_spf.mail.fr"]}, "ok", "SPF record"),
        ({"shop.fr": ["v=spf10 -all"]}, "warning", "no SPF record"),
    ],
)  # fmt: skip
def test_spf_counts_once_and_not_for_everybody(records, level, words):
    found_level, sentence = examined({**SOUND, **records})[0]

    assert (found_level, words in sentence) == (level, True), sentence


@pytest.mark.parametrize(
    ("records", "selectors", "level", "words"),
    [
        ({}, "", "ok", "set DKIM_SELECTORS"), ({}, "s1", "ok", "key for s1"), ({}, "s1, s2", "warning", "no DKIM key at s2._domainkey.shop.fr"),
        ({"s2._domainkey.shop.fr": ["k=rsa; p="]}, "s2", "warning", "is revoked"), ({"s2._domainkey.shop.fr": ["k=rsa"]}, "s2", "warning", "no DKIM key"),
        ({"s2._domainkey.shop.fr": ["p=AB CD"]}, "s2", "ok", "key for s2"),
    ],
)  # fmt: skip
def test_dkim_key_is_the_one_of_the_selector(records, selectors, level, words):
    found_level, sentence = examined({**SOUND, **records}, settings_of(DKIM_SELECTORS=selectors))[1]

    assert (found_level, words in sentence) == (level, True), sentence


@pytest.mark.parametrize(
    ("records", "level", "words"),
    [
        ({"_dmarc.shop.fr": ["v=DMARC1;p=none"]}, "ok", "policy none"), ({"_dmarc.shop.fr": ["v=DMARC1; sp=reject"]}, "warning", "has no policy"),
        ({"_dmarc.shop.fr": ["v=DMARC1; p=maybe"]}, "warning", "has no policy"), ({"_dmarc.shop.fr": ["v=DMARC1; p=none"] * 2}, "ok", "policy none"),
        ({"_dmarc.shop.fr": ["v=DMARC1; p=none", "v=DMARC1; p=reject"]}, "warning", "2 DMARC records"),
        ({"_dmarc.shop.fr": ["v=DMARC2; p=none"]}, "warning", "no DMARC record"),
    ],
)  # fmt: skip
def test_dmarc_is_one_record_with_a_policy(records, level, words):
    found_level, sentence = examined({**SOUND, **records})[2]

    assert (found_level, words in sentence) == (level, True), sentence


def test_policy_of_the_domain_above_holds():
    records = {**DMARC, "mail.shop.fr": ["v=spf1 -all"]}

    assert examined(records, settings_of("billing@mail.shop.fr"))[2] == (
        "ok",
        "mail.shop.fr has the DMARC policy reject",
    )


def test_domain_of_other_letters_is_looked_up_by_its_name_in_the_dns():
    records = {"xn--bcher-kva.fr": ["v=spf1 -all"]}

    assert examined(records, settings_of("Rechnung@Bücher.fr"))[0] == ("ok", "xn--bcher-kva.fr has an SPF record")


@pytest.mark.parametrize(
    ("domain", "reserved"),
    [
        ("shop.fr", False), ("example.fr", False), ("localhost.example", True), ("localhost", True), ("mail.localhost", True), ("shop.test", True),
        ("shop.invalid", True), ("printer.local", True), ("example.com", True), ("mail.example.org", True), ("", True), ("127.0.0.1", True),
        ("[127.0.0.1]", True), ("[ipv6:::1]", True), ("intranet", True), ("notexample.com", False),
    ],
)  # fmt: skip
def test_domain_that_nobody_can_register_is_not_looked_up(domain, reserved):
    assert is_reserved(domain) is reserved
    if reserved:
        nobody = settings_of(f"billing@{domain}", BASE_URL="http://127.0.0.1:5000")
        assert list(examine_sender(nobody, resolver=resolver_at(1))) == []


def test_public_installation_without_a_sender_of_its_own_is_warned():
    (finding,) = examine_sender(settings_of("portal@localhost.example"), resolver=resolver_at(1))

    assert (finding.level, "set it" in finding.sentence) == (Level.WARNING, True)


def test_name_server_that_does_not_answer_is_one_warning_in_good_time():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        begun = time.monotonic()

        (finding,) = examine_sender(settings_of(), resolver=resolver_at(silent.getsockname()[1]))

    assert (finding.level, "could not be asked" in finding.sentence) == (Level.WARNING, True)
    assert time.monotonic() - begun < 5


def test_machine_without_name_servers_is_one_warning():
    (finding,) = examine_sender(settings_of(), resolver=dns.resolver.Resolver(configure=False))

    assert (finding.level, "could not be asked" in finding.sentence) == (Level.WARNING, True)


def test_doctor_looks_at_the_sender(monkeypatch, tmp_path):
    with serve_names(SOUND) as resolver:
        monkeypatch.setattr(dns.resolver, "default_resolver", resolver)
        settings = settings_of(DATABASE_URL=f"sqlite:///{tmp_path}/portal.db", SMTP_URL="smtp://127.0.0.1:1")

        findings = [finding for finding in examine({}, loaded=settings) if finding.subject == "sender"]

    assert [finding.level for finding in findings] == [Level.OK] * 3
