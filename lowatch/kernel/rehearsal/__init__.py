"""A plan is tried in a throwaway network namespace that is a copy of this one."""
