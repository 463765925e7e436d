"""What runs in a Python model's own processes. Standard library alone: it runs in any environment, with `-I -S`.

`guardian` is started by the service and starts the worker: which gives up its rights (`confinement`, `landlock`), loads
the model and answers the service's calls (`serving`, `results`). They speak in frames (`frames`).
"""
