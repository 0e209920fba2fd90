"""Who may leave: what is known of customers, models of leaving, survival, silent leavers."""
