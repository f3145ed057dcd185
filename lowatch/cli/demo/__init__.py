"""`lowatch demo`: shows the main job in throwaway namespaces."""
