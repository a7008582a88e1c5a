"""Pure rules of signing in, and its links, codes, tokens and digests."""
