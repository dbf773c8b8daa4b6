#!/usr/bin/env python3
"""A proxy on loopback that cuts connections: of each BYTES that pass in one direction it lets no more through, and closes both ends.

    cutting.py TO-PORT BYTES [TIMES]      prints its own port; after TIMES cuts (64 without) it cuts no more
"""

import socket
import sys
import threading

LEFT = threading.Semaphore(int(sys.argv[3]) if len(sys.argv) > 3 else 64)


def carry(source, target, budget, both):
    passed = 0
    try:
        while block := source.recv(1 << 16):
            passed += len(block)
            if passed > budget and LEFT.acquire(blocking=False):
                print(f"cut after {passed} bytes", file=sys.stderr, flush=True)
                break
            target.sendall(block)
    except OSError:
        pass
    for end in both:
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def main():
    port, budget = int(sys.argv[1]), int(sys.argv[2])
    with socket.create_server(("127.0.0.1", 0)) as server:
        print(server.getsockname()[1], flush=True)
        while True:
            client, _ = server.accept()
            upstream = socket.create_connection(("127.0.0.1", port))
            for source, target in ((client, upstream), (upstream, client)):
                threading.Thread(target=carry, args=(source, target, budget, (client, upstream)), daemon=True).start()


if __name__ == "__main__":
    main()
