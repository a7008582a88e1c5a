"""The whole check of a theme: what the start-up looks at, its sources line by line, its texts, and every page and mail with example data."""
