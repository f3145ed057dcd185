"""Names of domains from other files: plain text, and the file_sd of Prometheus."""
