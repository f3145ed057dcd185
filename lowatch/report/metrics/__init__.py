"""Reports for Prometheus: families, samples and their exposition."""
