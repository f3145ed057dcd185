"""The journal: entries sent to it, and read back."""
