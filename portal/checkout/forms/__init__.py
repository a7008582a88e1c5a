"""The form of the checkout's first step, and the choice that it makes."""
