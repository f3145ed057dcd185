"""Mutated DNS responses, each read by the lean parser and by dnspython: where both read it, alike."""
