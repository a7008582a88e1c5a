"""From a page dataclass to HTML: templates, formats and translations of a theme and a locale. Knows no request."""
