"""`python -m waterclock_dev.bench.readers PORT CLIENTS SECONDS`: raw sockets, for readers must cost little."""

import selectors
import socket
import sys
import time
from datetime import datetime

import msgspec

PATH = "/v1/monitor/events/stream"
SAMPLED = 20  # one of so many clients is asked how late it is
_AT = b'"at":"'


def main(port: int, clients: int, seconds: float) -> None:
    selector = selectors.DefaultSelector()
    for number in range(clients):
        client = socket.create_connection(("127.0.0.1", port))
        client.sendall(f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        client.setblocking(False)
        selector.register(client, selectors.EVENT_READ, number % SAMPLED == 0)
    late: list[float] = []
    count, began = 0, 0.0
    settled = time.monotonic() + min(2.0, seconds)
    while not began or time.monotonic() - began < seconds:
        if not began and time.monotonic() > settled:
            began, count, late = time.monotonic(), 0, []
        for key, _ in selector.select(0.1):
            client = key.fileobj
            assert isinstance(client, socket.socket)
            found = client.recv(1 << 16)
            count += found.count(b"event: ")
            if key.data and (place := found.find(_AT)) >= 0:
                at = found[place + len(_AT) : place + len(_AT) + 24].decode()
                if len(at) == 24:
                    late.append((time.time() - datetime.fromisoformat(at).timestamp()) * 1000)
    sys.stdout.buffer.write(msgspec.json.encode([count, time.monotonic() - began, late]))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
