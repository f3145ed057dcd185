"""What resolvers of this host report about the names that its programs look up."""
