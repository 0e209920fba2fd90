"""The same functions by partition, past one machine."""
