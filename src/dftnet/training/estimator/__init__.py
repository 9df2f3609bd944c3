"""Training the Action Unit estimator."""
