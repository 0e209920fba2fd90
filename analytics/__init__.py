"""Customer-perception analytics."""
