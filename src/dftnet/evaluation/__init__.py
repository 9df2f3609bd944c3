"""Measuring models beside each other, by judges that are named; the paper's figures."""
