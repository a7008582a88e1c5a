"""The gallery of a theme: every page and mail in every state, beside what its template is given; on this machine alone."""
