"""Open Inference Protocol v2 over REST, as KServe, Triton and MLServer speak it."""
