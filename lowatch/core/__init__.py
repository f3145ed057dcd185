"""What was seen and what it means: values and pure functions, no I/O, no clock."""
