"""A process that listens and can be killed. It runs as a script, in a bare interpreter.

    listeners.py FIRST COUNT PORT

Listens on COUNT consecutive IPv4 addresses from FIRST, prints the CLOCK_MONOTONIC seconds at which the
last one began to listen, and stays until its standard input ends.
"""

import socket
import sys
import time


def main() -> None:
    first = int.from_bytes(socket.inet_aton(sys.argv[1]), "big")
    count, port = int(sys.argv[2]), int(sys.argv[3])
    listening = []
    since = 0.0
    for number in range(first, first + count):
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((socket.inet_ntoa(number.to_bytes(4, "big")), port))
        since = time.monotonic()
        sock.listen(16)
        listening.append(sock)
    print(since, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
