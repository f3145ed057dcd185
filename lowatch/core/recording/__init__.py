"""Recordings of an audit: what they contain, how they become JSON and back, how they are redacted."""
