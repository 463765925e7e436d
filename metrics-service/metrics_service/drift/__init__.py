"""Whether predictions are distributed otherwise than before."""
