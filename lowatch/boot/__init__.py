"""Reads the files that configure addresses at boot: a small reader for each program.

They are read only when a report has something to say about an address. Nothing is guessed: what cannot be
read or understood is reported with its reason, beside what can.
"""
