"""Who may leave: what is known of customers, the model of leaving, ratios, silent leavers."""
