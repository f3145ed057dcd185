"""The demo's web server, a process of its own that can be killed. Arguments: ADDRESS PORT."""

from __future__ import annotations

import socket
import sys

_RESPONSE = b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nThe shop is open.\n"


def serve(address: str, port: int) -> None:
    """Print a line once it listens, then answer every connection until killed."""
    with socket.create_server((address, port)) as listener:
        print("listening", flush=True)
        while True:
            client, _ = listener.accept()
            with client:
                client.recv(4096)
                client.sendall(_RESPONSE)


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
