"""The configuration: its schema, its loading, and a reference that a test loads."""
