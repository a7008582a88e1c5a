"""Pure decisions of signing in; and its links, codes, tokens and digests."""
