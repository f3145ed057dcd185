"""What an audit found, as bytes for people and machines: findings in, bytes out, no I/O."""
