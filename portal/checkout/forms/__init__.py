"""What the checkout's first step posts, and the choice that it makes."""
