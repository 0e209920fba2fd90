"""What explains it: signals, drivers, watermelons and the diagnosis gate."""
