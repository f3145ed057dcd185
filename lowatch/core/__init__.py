"""Observations and what follows from them: values and pure functions, without I/O or a clock."""
