"""The queue of texts in front of a model, and the threads that compute them in batches."""
