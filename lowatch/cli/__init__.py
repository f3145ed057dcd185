"""The command line: one file per command, all of them run in process by the tests."""
