"""The configuration: settings, schema, loading, and reference.toml, which a test loads."""
