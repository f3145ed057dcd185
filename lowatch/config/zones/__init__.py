"""Names from zone files: those that lead to addresses of this host."""
