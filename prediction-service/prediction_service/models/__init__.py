"""From a folder on disk to a model that may be asked: what is in it, whether it does what it says."""
