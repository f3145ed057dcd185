"""Bytes <-> values for rtnetlink, inet_diag and DNS: no I/O, nothing assumed of the input."""
