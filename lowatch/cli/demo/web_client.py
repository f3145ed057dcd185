"""The demo's program that uses the shop: looks a name up and connects. Arguments: PROGRAM NAME PORT."""

from __future__ import annotations

import ctypes
import socket
import sys

_PR_SET_NAME = 15
_PATIENCE = 5.0


def fetch(name: str, port: int) -> str:
    """The status of GET /, or why there is none."""
    try:
        with socket.create_connection((name, port), _PATIENCE) as connection:
            connection.sendall(f"GET / HTTP/1.0\r\nHost: {name}\r\n\r\n".encode())
            return connection.recv(4096).split()[1].decode()
    except OSError as error:
        return error.strerror or str(error)


if __name__ == "__main__":
    ctypes.CDLL(None).prctl(_PR_SET_NAME, sys.argv[1].encode())
    print(fetch(sys.argv[2], int(sys.argv[3])), flush=True)
