"""What is known of each name: its records, when they are due, and which addresses they lead to."""
