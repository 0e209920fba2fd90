"""The demo operation, whose truths are known."""
