"""Programs as child processes: started, waited for and ended, with all that they have started themselves.

Used by `make run`, by the benchmarks and by the tests; no service starts a server.
"""
