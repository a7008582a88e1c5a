"""Pay links: the address of one invoice at which anybody pays it without signing in; made, revoked, found by their token."""
