"""How the shipped models are made; nothing imports it, and its lines are in data/training."""
