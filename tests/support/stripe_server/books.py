"""What happens at Stripe: customers, cards, PaymentIntents, Checkout Sessions, refunds, and what customers do on its pages."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.support.stripe_server.cards import CARDS

Body = dict[str, Any]
PAGES = "https://checkout.stripe.example"
CURRENCIES = "usd eur gbp xaf xof jpy kwd isk ugx mga huf twd krw sek".split()


class Refusal(Exception):
    """A 4xx with the body of https://docs.stripe.com/api/errors. `began`: the endpoint ran, so that its key keeps the answer."""

    def __init__(self, status: int, kind: str, *, began: bool = True, **error: Any) -> None:
        super().__init__(error.get("message", kind))
        self.status, self.began = status, began
        self.error: Body = {"type": kind, "message": "No.", **error}


@dataclass
class StripeBooks:
    """Objects by kind and id, as the API shows them; `now` is Stripe's clock. A test acts as the customer, and as banks."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    objects: dict[str, dict[str, Body]] = field(default_factory=dict)
    numbers: dict[str, str] = field(default_factory=dict)
    """The card's number of each PaymentMethod, which Stripe never tells."""
    kept: set[str] = field(default_factory=set)
    """PaymentMethods that were kept with the customer there."""
    pays_later: bool = False
    """Whether banks take days: charges become `processing` until `settle`."""
    refunds_become: str = "succeeded"
    lock: threading.RLock = field(default_factory=threading.RLock)

    # --- what customers, banks and merchants do ---

    def keep_card(self, number: str = "4242424242424242") -> str:
        """A customer with a card that was kept on a page earlier; its token as ours is."""
        method = self._new_method(number, self._new("customer", "cus", email=None, name=None)["id"])
        self.kept.add(method["id"])
        return f"{method['customer']}/{method['id']}"

    def pay_page(self, session_id: str, number: str = "4242424242424242", *, proves: bool = True) -> Body:
        """The customer enters a card on the page and presses Pay (or Save); at their bank they prove who they are, or not.
        A decline leaves the page open. Tells the session."""
        with self.lock:
            session = self.get("checkout.session", session_id)
            assert session["status"] == "open", "the page has ended"
            if session["mode"] == "setup":
                self._set_up(session, number, proves=proves)
            else:
                self._pay(session, number, proves=proves)
            return session

    def answer_bank(self, intent_id: str, *, proves: bool = True) -> None:
        """The customer is on the bank's page of a charge that requires them."""
        with self.lock:
            intent = self.get("payment_intent", intent_id)
            assert intent["status"] == "requires_action", "nobody asks"
            method = self.get("payment_method", intent["payment_method"])
            if proves:
                self._charge(intent, method)
            else:
                self._decline(intent, method, ("payment_intent_authentication_failure", ""))

    def settle(self, intent_id: str, declines: tuple[str, str] | None = None) -> None:
        """The bank that took its time has come to an end."""
        with self.lock:
            intent = self.get("payment_intent", intent_id)
            assert intent["status"] == "processing", "nothing is under way"
            method = self.get("payment_method", intent["payment_method"])
            if declines:
                self._decline(intent, method, declines)
            else:
                self._succeed(intent, method)

    def delete_customer(self, customer_id: str) -> None:
        """The merchant deletes a customer at Stripe; its cards are detached."""
        with self.lock:
            del self.objects["customer"][customer_id]
            for method in self.objects["payment_method"].values():
                if method["customer"] == customer_id:
                    method["customer"] = None

    def charge_at_stripe(self, amount: int, currency: str = "usd") -> Body:
        """The merchant charges somebody from Stripe's own pages."""
        return self.create_intent(
            {"amount": str(amount), "currency": currency, "confirm": "true", "payment_method": self._new_method()["id"]}
        )

    @property
    def captured(self) -> list[Body]:
        """PaymentIntents that money was taken for."""
        return [intent for intent in self.objects.get("payment_intent", {}).values() if intent["amount_received"]]

    # --- https://docs.stripe.com/api/payment_intents ---

    def create_intent(self, given: Body) -> Body:
        amount = _whole(given.get("amount"), "amount")
        self._check_amount(amount, given.get("currency"), "amount", "currency")
        method = self._chargeable(given) if given.get("confirm") == "true" else None
        intent = self._new_intent(amount, given)
        if method:
            self._attempt(intent, method, given)
        return intent

    def confirm_intent(self, intent_id: str, given: Body) -> Body:
        intent = self.get("payment_intent", intent_id)
        if intent["status"] not in ("requires_payment_method", "requires_confirmation"):
            raise _unexpected_state()
        self._attempt(intent, self._chargeable({"customer": intent["customer"], **given}), given)
        return intent

    def cancel_intent(self, intent_id: str, given: Body) -> Body:
        intent = self.get("payment_intent", intent_id)
        if intent["status"] in ("succeeded", "canceled", "processing") or self._page_of(intent):
            raise _unexpected_state()
        intent.update(status="canceled", next_action=None, canceled_at=self.stamp())
        intent["cancellation_reason"] = given.get("cancellation_reason")
        return intent

    # --- https://docs.stripe.com/api/checkout/sessions ---

    def create_session(self, given: Body) -> Body:
        ends_at = _whole(given.get("expires_at", str(self.stamp() + 86_400)), "expires_at")
        if not 1800 <= ends_at - self.stamp() <= 86_400:
            raise _invalid("expires_at", began=False)
        if "customer" in given:
            self._require("customer", given["customer"], "customer")
        session = self._new(
            "checkout.session",
            "cs_test",
            client_reference_id=given.get("client_reference_id"),
            metadata=given.get("metadata", {}),
            mode=given["mode"],
            status="open",
            payment_status="unpaid",
            payment_intent=None,
            setup_intent=None,
            amount_total=None,
            currency=given.get("currency"),
            customer=given.get("customer"),
            customer_creation=given.get("customer_creation"),
            customer_email=given.get("customer_email"),
            expires_at=ends_at,
            locale=given.get("locale"),
            success_url=given["success_url"],
            cancel_url=given.get("cancel_url"),
            _given=given,
        )
        if session["mode"] == "payment":
            (item,) = given["line_items"]
            price = item["price_data"]
            amount = _whole(price["unit_amount"], "unit_amount") * int(item["quantity"])
            where = "line_items[0][price_data]"
            self._check_amount(amount, price["currency"], f"{where}[unit_amount]", f"{where}[currency]")
            session.update(amount_total=amount, currency=price["currency"])
        session["url"] = f"{PAGES}/c/pay/{session['id']}"
        return session

    def expire_session(self, session_id: str) -> Body:
        session = self.get("checkout.session", session_id)
        if session["status"] != "open":
            raise Refusal(
                400, "invalid_request_error", message="Only Checkout Sessions with a status in [open] can be expired."
            )
        session.update(status="expired", url=None)
        return session

    # --- https://docs.stripe.com/api/refunds, https://docs.stripe.com/api/payment_methods ---

    def create_refund(self, given: Body) -> Body:
        intent = self._require("payment_intent", given["payment_intent"], "payment_intent")
        charge = self.objects["charge"].get(intent["latest_charge"] or "")
        if charge is None or not charge["paid"]:
            raise Refusal(
                400, "invalid_request_error", message="This PaymentIntent does not have a successful charge to refund."
            )
        left = charge["amount"] - charge["amount_refunded"]
        amount = _whole(given.get("amount", str(left)), "amount")
        if left == 0:
            raise Refusal(400, "invalid_request_error", code="charge_already_refunded")
        if not 0 < amount <= left:
            raise _invalid("amount")
        charge["amount_refunded"] += amount
        return self._new(
            "refund",
            "re",
            amount=amount,
            currency=intent["currency"],
            charge=charge["id"],
            payment_intent=intent["id"],
            metadata=given.get("metadata", {}),
            reason=None,
            status=self.refunds_become,
        )

    def fail_refund(self, refund_id: str, reason: str = "expired_or_canceled_card") -> None:
        """https://docs.stripe.com/refunds#failed-refunds: it comes back days later."""
        with self.lock:
            refund = self.get("refund", refund_id)
            refund.update(status="failed", failure_reason=reason)
            self.objects["charge"][refund["charge"]]["amount_refunded"] -= refund["amount"]

    def detach(self, method_id: str) -> Body:
        method = self.get("payment_method", method_id)
        if method["customer"] is None:
            raise Refusal(
                400, "invalid_request_error", message="The payment method you provided is not attached to a customer."
            )
        method["customer"] = None
        return method

    # --- reading ---

    def get(self, kind: str, object_id: str) -> Body:
        """An object by its id in the address; an open page whose time is up ends here."""
        found = self.objects.get(kind, {}).get(object_id)
        if found is None:
            raise Refusal(404, "invalid_request_error", code="resource_missing", param=_SHORT.get(kind, kind))
        if found.get("status") == "open" and self.stamp() >= found["expires_at"]:
            found.update(status="expired", url=None)
        return found

    def list_of(self, kind: str, query: Body) -> list[Body]:
        """Newest first, within `created`."""
        between = query.get("created", {})
        return [
            self.get(kind, item["id"])
            for item in reversed(self.objects.get(kind, {}).values())
            if int(between.get("gte", 0)) <= item["created"] <= int(between.get("lte", 1 << 40))
            and item["created"] < int(between.get("lt", 1 << 40))
            and query.get("payment_intent") in (None, item.get("payment_intent"))
        ]

    def shown(self, found: Body, expand: list[str]) -> Body:
        """As an answer has it: without what is ours alone, and with the objects that `expand` asks for in place of their ids."""
        body = copy.deepcopy({name: value for name, value in found.items() if not name.startswith("_")})
        for path in expand:
            self._expand(body, path.split("."))
        return body

    def stamp(self) -> int:
        return int(self.now().timestamp())

    # --- how it works inside ---

    def _expand(self, body: Body, path: list[str]) -> None:
        name, *rest = path
        if isinstance(body.get(name), str):
            kind = "charge" if name == "latest_charge" else name
            body[name] = self.shown(self.objects[kind][body[name]], [])
        if rest and isinstance(body.get(name), dict):
            self._expand(body[name], rest)

    def _new(self, kind: str, prefix: str, **values: Any) -> Body:
        # In letters: two dozen digits would read as a card's number.
        number = f"{sum(len(of_kind) for of_kind in self.objects.values()):024d}".translate(_LETTERS)
        made = {"id": f"{prefix}_{number}", "object": kind, "created": self.stamp(), "livemode": False, **values}
        self.objects.setdefault(kind, {})[made["id"]] = made
        return made

    def _new_method(self, number: str = "4242424242424242", customer: str | None = None) -> Body:
        card = {"brand": CARDS[number].brand, "last4": number[-4:], "exp_month": 12, "exp_year": 2034}
        method = self._new(
            "payment_method",
            "pm",
            type="card",
            card={**card, "fingerprint": f"fp{number[::-1]}"[:16], "funding": "credit"},
            billing_details={"name": "Maya Lindqvist", "email": None, "phone": None, "address": None},
            customer=customer,
        )
        self.numbers[method["id"]] = number
        return method

    def _new_intent(self, amount: int, given: Body) -> Body:
        return self._new(
            "payment_intent",
            "pi",
            amount=amount,
            amount_received=0,
            currency=given["currency"],
            customer=given.get("customer"),
            description=given.get("description"),
            metadata=given.get("metadata", {}),
            payment_method=None,
            latest_charge=None,
            last_payment_error=None,
            next_action=None,
            setup_future_usage=given.get("setup_future_usage"),
            cancellation_reason=None,
            status="requires_payment_method",
        )

    def _chargeable(self, given: Body) -> Body:
        if given.get("customer"):
            self._require("customer", given["customer"], "customer")
        method = self._require("payment_method", given.get("payment_method", ""), "payment_method")
        if method["customer"] != given.get("customer"):
            raise _invalid("payment_method")
        return method

    def _attempt(self, intent: Body, method: Body, given: Body) -> None:
        """https://docs.stripe.com/payments/save-and-reuse: off-session a bank that asks for the customer is a decline."""
        card = CARDS[self.numbers[method["id"]]]
        intent.update(last_payment_error=None, payment_method=method["id"])
        if card.asks == "never" or (card.asks == "unset" and method["id"] in self.kept):
            self._charge(intent, method)
        elif given.get("off_session") == "true":
            self._decline(intent, method, ("authentication_required", "authentication_required"))
        else:
            url = f"https://hooks.stripe.example/3d_secure_2/{intent['id']}"
            action = {"type": "redirect_to_url", "redirect_to_url": {"url": url, "return_url": given.get("return_url")}}
            intent.update(status="requires_action", next_action=action)
            return
        if intent["status"] == "requires_payment_method":
            raise self._declined(intent)

    def _charge(self, intent: Body, method: Body) -> None:
        declines = CARDS[self.numbers[method["id"]]].declines
        if declines:
            self._decline(intent, method, declines)
        elif self.pays_later:
            intent.update(status="processing", next_action=None)
        else:
            self._succeed(intent, method)

    def _succeed(self, intent: Body, method: Body) -> None:
        charge = self._new(
            "charge", "ch", amount=intent["amount"], amount_refunded=0, paid=True, payment_intent=intent["id"]
        )
        intent.update(
            status="succeeded", amount_received=intent["amount"], latest_charge=charge["id"], next_action=None
        )
        if intent["setup_future_usage"] and intent["customer"]:
            method["customer"] = intent["customer"]
            self.kept.add(method["id"])
        if page := self._page_of(intent):
            page.update(status="complete", payment_status="paid", url=None)

    def _decline(self, intent: Body, method: Body, declines: tuple[str, str]) -> None:
        code, decline_code = declines
        error = {"type": "card_error", "code": code, "message": "Your card was declined."}
        if decline_code:
            error["decline_code"] = decline_code
        intent.update(status="requires_payment_method", payment_method=None, next_action=None)
        intent["last_payment_error"] = {**error, "payment_method": self.shown(method, [])}

    def _declined(self, intent: Body) -> Refusal:
        error = {name: value for name, value in intent["last_payment_error"].items() if name != "type"}
        return Refusal(402, "card_error", **error, payment_intent=self.shown(intent, []))

    def _pay(self, session: Body, number: str, *, proves: bool) -> None:
        data = session["_given"].get("payment_intent_data", {})
        if session["payment_intent"] is None:
            if session["customer"] is None and session["customer_creation"] == "always":
                session["_customer"] = self._new("customer", "cus", email=session["customer_email"], name=None)["id"]
            customer = session["customer"] or session.get("_customer")
            given = {**data, "currency": session["currency"], "customer": customer}
            session["payment_intent"] = self._new_intent(session["amount_total"], given)["id"]
        intent = self.get("payment_intent", session["payment_intent"])
        method = self._new_method(number)
        intent.update(payment_method=method["id"], last_payment_error=None)
        if CARDS[number].asks != "never" and not proves:
            self._decline(intent, method, ("payment_intent_authentication_failure", ""))
        else:
            self._charge(intent, method)
        if intent["status"] == "processing":
            session.update(status="complete", url=None)
        if session["status"] == "complete":
            session["customer"] = intent["customer"]

    def _set_up(self, session: Body, number: str, *, proves: bool) -> None:
        """https://docs.stripe.com/api/setup_intents. A declined card leaves the page open."""
        data = session["_given"].get("setup_intent_data", {})
        if session["setup_intent"] is None:
            intent = self._new(
                "setup_intent",
                "seti",
                metadata=data.get("metadata", {}),
                customer=None,
                payment_method=None,
                last_setup_error=None,
                status="requires_payment_method",
            )
            session["setup_intent"] = intent["id"]
        intent = self.get("setup_intent", session["setup_intent"])
        card = CARDS[number]
        refused = card.when_kept or (
            ("setup_intent_authentication_failure", "") if card.asks != "never" and not proves else None
        )
        if refused:
            intent["last_setup_error"] = {"type": "card_error", "code": refused[0], "decline_code": refused[1] or None}
            return
        customer = session["customer"] or self._new("customer", "cus", email=session["customer_email"], name=None)["id"]
        method = self._new_method(number, customer)
        self.kept.add(method["id"])
        intent.update(status="succeeded", customer=customer, payment_method=method["id"], last_setup_error=None)
        session.update(status="complete", payment_status="no_payment_required", customer=customer, url=None)

    def _page_of(self, intent: Body) -> Body | None:
        pages = self.objects.get("checkout.session", {}).values()
        return next((page for page in pages if page["payment_intent"] == intent["id"]), None)

    def _require(self, kind: str, object_id: str, param: str) -> Body:
        found = self.objects.get(kind, {}).get(object_id)
        if found is None:
            raise Refusal(400, "invalid_request_error", code="resource_missing", param=param)
        return found

    def _check_amount(self, amount: int, currency: str | None, amount_param: str, currency_param: str) -> None:
        """https://docs.stripe.com/currencies"""
        if currency not in CURRENCIES:
            raise _invalid(currency_param, began=False)
        if currency in ("isk", "ugx") and amount % 100:
            raise Refusal(400, "invalid_request_error", code="invalid_charge_amount_no_decimal_compatible", began=False)
        if currency == "kwd" and amount % 10:
            raise _invalid(amount_param, began=False)
        if amount < 1:
            raise Refusal(400, "invalid_request_error", code="amount_too_small", param=amount_param, began=False)
        if amount > 99_999_999:
            raise Refusal(400, "invalid_request_error", code="amount_too_large", param=amount_param, began=False)


_LETTERS = str.maketrans("0123456789", "aBcDeFgHiJ")
_SHORT = {"payment_intent": "intent", "checkout.session": "session"}


def _whole(text: object, param: str) -> int:
    if not isinstance(text, str) or not text.isdigit():
        raise Refusal(400, "invalid_request_error", code="parameter_invalid_integer", param=param, began=False)
    return int(text)


def _invalid(param: str, *, began: bool = True) -> Refusal:
    return Refusal(400, "invalid_request_error", param=param, message=f"Invalid {param}.", began=began)


def _unexpected_state() -> Refusal:
    return Refusal(400, "invalid_request_error", code="payment_intent_unexpected_state")
