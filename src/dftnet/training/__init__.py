"""Training a generator on a dataset directory, and the model directory that comes of it (PyTorch)."""
