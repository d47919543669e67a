"""A platform that takes some time for each request and writes down, on one monotonic clock, when each began and ended.

    limits_platform.py LEDGER SEED

A request begins when its head has been read. It ends when it is answered, before the first byte of the answer leaves, or
when its client is gone. Prints its port. Each line of the ledger is one request that has ended.
"""
import http.server
import json
import random
import select
import sys
import threading
import time

SHORTEST, LONGEST = 0.05, 0.5


class Ledger:
    def __init__(self, path, seed):
        self.file = open(path, "w", encoding="utf-8", buffering=1)
        self.lock, self.random, self.count = threading.Lock(), random.Random(seed), 0

    def begin(self):
        with self.lock:
            self.count += 1
            return self.count, self.random.uniform(SHORTEST, LONGEST)

    def end(self, **entry):
        with self.lock:
            self.file.write(json.dumps(entry) + "\n")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self):
        began = time.monotonic()
        ordinal, seconds = self.server.ledger.begin()
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        watch = select.poll()
        watch.register(self.connection, select.POLLRDHUP | select.POLLHUP | select.POLLERR)
        is_gone = bool(watch.poll(max(0.0, began + seconds - time.monotonic()) * 1000))
        self.server.ledger.end(
            ordinal=ordinal, organisation=body["organisation"], number=body["number"], began=began,
            ended=time.monotonic(), is_gone=is_gone, request=self.headers.get("X-Request-Id"))
        if is_gone:
            self.close_connection = True
            return
        answer = b'{"done":true}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_):
        """A client that left while it was answered is no trouble of the platform."""


def main():
    server = Server(("127.0.0.1", 0), Handler)
    server.ledger = Ledger(sys.argv[1], int(sys.argv[2]))
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
