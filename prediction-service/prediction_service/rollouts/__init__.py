"""Which version of a model requests get that name none: policies, the same for all replicas, and who changed them."""
