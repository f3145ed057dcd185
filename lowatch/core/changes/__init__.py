"""What `lowatch clean` changes in the kernel, and how it is undone."""
