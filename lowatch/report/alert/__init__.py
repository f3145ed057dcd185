"""Alerts: the journal entry of each, how a storm is summed up, and the history read back."""
