"""The bodies of the service: the report, the reasons of one by rules, and what text in it may be."""
