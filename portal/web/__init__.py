"""What every HTTP face stands on: headers, hosts, CSRF, floods, static files, probes, policies. Knows no page and no domain."""
