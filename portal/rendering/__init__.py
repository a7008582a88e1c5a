"""From a page dataclass to text: templates, formats and translations of a theme and a locale. Knows no request."""
