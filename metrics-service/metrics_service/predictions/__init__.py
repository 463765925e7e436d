"""The record of predictions, as it is read and erased."""
