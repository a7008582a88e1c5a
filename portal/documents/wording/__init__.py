"""From facts to papers: every word, date, country and amount in one language. Reads nothing, and decides nothing about money."""
