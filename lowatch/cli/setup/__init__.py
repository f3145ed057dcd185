"""lowatch setup: what a source of lookups needs on this host, shown and installed."""
