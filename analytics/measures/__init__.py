"""What they perceive: scores with intervals, who answered, who may leave, promises and recovery."""
