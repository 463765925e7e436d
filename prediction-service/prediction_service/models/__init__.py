"""From a folder on disk to a loaded model: what is in the folder, and whether the model computes what it promises."""
