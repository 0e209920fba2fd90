"""What comes in: schemas, sources, periods, cases, and the demo operation."""
