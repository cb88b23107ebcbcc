"""A network is asked about made scenes: where a body is live, and where a rule is broken."""
