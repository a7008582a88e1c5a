"""What all pages share: rendering, formats, languages, static files, request hygiene. No domain rules live here."""
