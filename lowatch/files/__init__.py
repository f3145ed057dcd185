"""Files that somebody else may have made, and the threads that wait for them."""
