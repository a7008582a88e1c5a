"""Test cards, by https://docs.stripe.com/testing: what their banks say, and when they ask for the customer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Card:
    """`asks`: never, `unset` (until the card was kept with the customer there) or `always`. `declines` is the bank's word on a
    charge as Stripe's code and decline code; `when_kept` the same when the card is kept."""

    brand: str = "visa"
    asks: str = "never"
    declines: tuple[str, str] | None = None
    when_kept: tuple[str, str] | None = None


CARDS = {
    "4242424242424242": Card(),
    "5555555555554444": Card(brand="mastercard"),
    "4000000000000002": Card(
        declines=("card_declined", "generic_decline"), when_kept=("card_declined", "generic_decline")
    ),
    "4000000000009995": Card(declines=("card_declined", "insufficient_funds")),
    "4000000000009987": Card(declines=("card_declined", "lost_card")),
    "4000000000006975": Card(declines=("card_declined", "card_velocity_exceeded")),
    "4000000000000069": Card(declines=("expired_card", "expired_card")),
    "4000000000000127": Card(declines=("incorrect_cvc", "incorrect_cvc")),
    "4000000000000119": Card(declines=("processing_error", "processing_error")),
    "4000000000000341": Card(declines=("card_declined", "generic_decline")),
    "4000000000003220": Card(asks="always"),
    "4000002500003155": Card(asks="unset"),
    "4000002760003184": Card(asks="always"),
    "4000008260003178": Card(asks="always", declines=("card_declined", "insufficient_funds")),
}
