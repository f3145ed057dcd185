"""Random worlds in a network namespace, where every verdict is compared with a real connect()."""
