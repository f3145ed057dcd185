"""`lowatch demo`: shows lowatch's main purpose in throwaway namespaces."""
