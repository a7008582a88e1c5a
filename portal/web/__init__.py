"""The HTTP layer under pages and APIs: headers, hosts, CSRF, flood limits, static files, probes, policies. Knows no page and no domain."""
