"""Converts rtnetlink, inet_diag and DNS messages between bytes and values, without I/O.

Input is untrusted: any sequence of bytes gives values or an error.
"""
