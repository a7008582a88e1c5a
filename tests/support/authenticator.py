"""A device that makes passkeys and signs in by them, as WebAuthn Level 2 describes: ES256, no attestation."""

from __future__ import annotations

import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from tests.support.notices import with_fresh_code
from tests.support.page_client import Page, PageClient
from tests.support.site import Site

NEW = "/acme/security/passkeys/new"
PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


@dataclass
class Authenticator:
    """`flags` are what it says of its holder; `origin` the page that its browser is on."""

    origin: str = "http://localhost"
    flags: int = PRESENT | VERIFIED
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    count: int = 0
    holder: bytes = b""

    def create(self, options: dict[str, Any], **changes: Any) -> str:
        """Answer `PublicKeyCredentialCreationOptions`; `changes` are to what the browser says of the page."""
        self.holder = decode(options["user"]["id"])
        numbers = self.key.public_key().public_numbers()
        public_key = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        attested = bytes(16) + len(self.credential_id).to_bytes(2, "big") + self.credential_id + cbor2.dumps(public_key)
        data = self._data(options["rp"]["id"], self.flags | ATTESTED) + attested
        return self._answer(
            clientDataJSON=self._client_data("webauthn.create", options, changes),
            attestationObject=cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data}),
        )

    def get(self, options: dict[str, Any], **changes: Any) -> str:
        """Answer `PublicKeyCredentialRequestOptions`."""
        client_data = self._client_data("webauthn.get", options, changes)
        data = self._data(options["rpId"], self.flags)
        signature = self.key.sign(data + sha256(client_data).digest(), ec.ECDSA(SHA256()))
        return self._answer(
            clientDataJSON=client_data, authenticatorData=data, signature=signature, userHandle=self.holder
        )

    def _data(self, host: str, flags: int) -> bytes:
        return sha256(host.encode()).digest() + bytes([flags]) + self.count.to_bytes(4, "big")

    def _client_data(self, kind: str, options: dict[str, Any], changes: dict[str, Any]) -> bytes:
        said = {"type": kind, "challenge": options["challenge"], "origin": self.origin, "crossOrigin": False}
        return json.dumps({**said, **changes}).encode()

    def _answer(self, **response: bytes) -> str:
        own = encode(self.credential_id)
        written = {name: encode(value) for name, value in response.items()}
        return json.dumps({"id": own, "rawId": own, "type": "public-key", "response": written})


def encode(value: bytes) -> str:
    return urlsafe_b64encode(value).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def options_of(page: Page, action: str) -> dict[str, Any]:
    (form,) = [each for each in page.all("form") if each.get("action", "").endswith(action)]
    read: dict[str, Any] = json.loads(form.get("data-options", ""))
    return read


def add_passkey(site: Site, device: Authenticator, pages: PageClient | None = None) -> PageClient:
    """Add a passkey of the device to Maya's account at Acme."""
    pages = with_fresh_code(site, pages)
    answer = device.create(options_of(pages.get(NEW), "/passkeys/new"))
    assert pages.post(NEW, {"answer": answer}).location.endswith("/acme/security?done=passkey_added")
    return pages
