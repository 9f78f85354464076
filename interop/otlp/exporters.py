"""The exporters of the OpenTelemetry SDK, over HTTP and gRPC, against a server that is killed again and again.

Half of them speak with the server itself, and half through a storm: something between them that answers 503 or UNAVAILABLE,
before the server has seen a request or after it has recorded it. What the exporters were given is in the trail once:
nothing lost, nothing doubled.

    exporters.py GRAVEN DATA_FOLDER
"""

import gzip
import hashlib
import http.client
import json
import logging
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogs
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpans
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogs
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpans
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

# How long records are made, how many by each exporter, and how often the server is killed meanwhile.
SECONDS = 16
RECORDS = 600
KILL_EVERY = 2.5

# How long an exporter may try: longer than any storm. An exporter that gives up has lost what it was given.
PATIENCE = 100

# How often the same request is refused at most. The SDK gives a request up after six tries.
REFUSALS_MAX = 2


def free_port():
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return bound.getsockname()[1]


class Server:
    """A server at ports that stay the same."""

    def __init__(self, binary, data):
        self.port, self.grpc_port, self.kills = free_port(), free_port(), 0
        self.command = [binary, "serve", "--json", "--data", data, "--listen", f"127.0.0.1:{self.port}"]
        self.command += ["--set", f"otlp.grpc_listen=127.0.0.1:{self.grpc_port}"]
        self.token = self.start()["token"]

    def start(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True)
        return json.loads(self.process.stdout.readline())

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.kills += 1

    def end(self):
        self.process.terminate()
        if self.process.wait(30) != 0:
            sys.exit(f"the server ended with {self.process.returncode}")

    def get(self, path):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}")
        request.add_header("Authorization", f"Bearer {self.token}")
        return urllib.request.urlopen(request, timeout=60).read().decode()


class Storm:
    """What becomes of requests on their way: by their bytes and how often they came, so that each run is alike."""

    def __init__(self):
        self.lock, self.came, self.did = threading.Lock(), Counter(), Counter()

    def next(self, request):
        with self.lock:
            key = hashlib.sha256(request).digest()
            self.came[key] += 1
            what = "passed"
            if self.came[key] <= REFUSALS_MAX:
                what = ["passed", "refused", "forgotten"][key[self.came[key]] % 3]
            self.did[what] += 1
            return what


def over_http(storm, server):
    """A storm before the address for HTTP; its port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            # The same request is packed into other bytes when it is sent again.
            plain = gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body
            what, answer = storm.next(plain), None
            if what != "refused":
                answer = self.forward(body)
            if what == "passed" and answer:
                status, headers, text = answer
            else:
                status, headers, text = 503, {"Retry-After": "1"}, b""
            self.send_response(status)
            for name, value in headers.items():
                if name.lower() in ("content-type", "retry-after"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def forward(self, body):
            try:
                connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
                headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
                connection.request("POST", self.path, body, headers)
                answer = connection.getresponse()
                return answer.status, dict(answer.headers), answer.read()
            except (OSError, http.client.HTTPException):
                return None

    proxy = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    return proxy.server_address[1]


def over_grpc(storm, server):
    """A storm before the address for gRPC; its port."""
    channel = grpc.insecure_channel(
        f"127.0.0.1:{server.grpc_port}",
        options=[("grpc.max_reconnect_backoff_ms", 500), ("grpc.initial_reconnect_backoff_ms", 100)],
    )

    class Handler(grpc.GenericRpcHandler):
        def service(self, details):
            def behave(request, context):
                what = storm.next(request)
                if what == "refused":
                    context.abort(grpc.StatusCode.UNAVAILABLE, "a storm")
                metadata = [(key, value) for key, value in context.invocation_metadata() if key == "authorization"]
                try:
                    answer = channel.unary_unary(details.method)(request, timeout=30, metadata=metadata)
                except grpc.RpcError as error:
                    context.abort(error.code(), error.details())
                if what == "forgotten":
                    context.abort(grpc.StatusCode.UNAVAILABLE, "a storm")
                return answer

            return grpc.unary_unary_rpc_method_handler(behave)

    proxy = grpc.server(ThreadPoolExecutor(8), handlers=[Handler()])
    port = proxy.add_insecure_port("127.0.0.1:0")
    proxy.start()
    over_grpc.kept.append((proxy, channel))
    return port


over_grpc.kept = []


class Sender:
    """An exporter behind a batch processor, as a program has it, and what it was given."""

    def __init__(self, name, exporter, is_for_logs):
        self.name, self.given, self.results = name, 0, Counter()
        export = exporter.export

        def counted(batch, *more, **named):
            result = export(batch, *more, **named)
            self.results[result.name] += 1
            return result

        exporter.export = counted
        sizes = {"max_queue_size": 100_000, "schedule_delay_millis": 200, "max_export_batch_size": 64}
        if is_for_logs:
            self.provider = LoggerProvider(shutdown_on_exit=False)
            self.provider.add_log_record_processor(BatchLogRecordProcessor(exporter, **sizes))
            logger = self.provider.get_logger("interop")
            self.make = lambda text: logger.emit(body=text, timestamp=time.time_ns())
        else:
            self.provider = TracerProvider(shutdown_on_exit=False)
            self.provider.add_span_processor(BatchSpanProcessor(exporter, **sizes))
            tracer = self.provider.get_tracer("interop")
            self.make = lambda text: tracer.start_span(text).end()

    def run(self):
        for number in range(RECORDS):
            self.make(f"{self.name}:{number};")
            self.given += 1
            time.sleep(SECONDS / RECORDS)
        if not self.provider.force_flush(PATIENCE * 1000):
            sys.exit(f"{self.name}: the exporter was not done in {PATIENCE} s")
        self.provider.shutdown()


def senders(server, http_port, grpc_port, way):
    headers = {"authorization": f"Bearer {server.token}"}
    to_http = {"headers": headers, "timeout": PATIENCE, "compression": Compression.Gzip}
    to_grpc = {"endpoint": f"127.0.0.1:{grpc_port}", "insecure": True, "headers": headers, "timeout": PATIENCE}
    base = f"http://127.0.0.1:{http_port}/v1"
    packed = {"compression": grpc.Compression.Gzip}
    return [
        Sender(f"{way}-http-logs", HttpLogs(endpoint=f"{base}/logs", **to_http), True),
        Sender(f"{way}-http-spans", HttpSpans(endpoint=f"{base}/trails/main/otlp/v1/traces", **to_http), False),
        Sender(f"{way}-grpc-logs", GrpcLogs(**to_grpc), True),
        Sender(f"{way}-grpc-spans", GrpcSpans(**to_grpc, **packed), False),
    ]


def judge(server, all_senders, storms):
    """What is wrong."""
    wrong = []
    found = Counter()
    for line in server.get("/v1/trails/main/export?format=jsonl&q=" + urllib.parse.quote("category:otlp")).splitlines():
        found.update(set(re.findall(r"(?:storm|direct)-(?:http|grpc)-(?:logs|spans):\d+;", line)))
    for sender in all_senders:
        of = {f"{sender.name}:{number};": found[f"{sender.name}:{number};"] for number in range(sender.given)}
        lost = sum(1 for count in of.values() if count == 0)
        doubled = sum(1 for count in of.values() if count > 1)
        print(f"{sender.name}: {sender.given} given, {lost} lost, {doubled} doubled, exports {dict(sender.results)}")
        if lost or doubled or set(sender.results) != {"SUCCESS"} or sender.given != RECORDS:
            wrong.append(sender.name)
    for way, storm in storms.items():
        print(f"storm over {way}: {dict(storm.did)}")
        if min(storm.did[what] for what in ("passed", "refused", "forgotten")) < 3:
            wrong.append(f"no storm over {way}")
    print(f"the server was killed {server.kills} times")
    if server.kills < 4:
        wrong.append("the server was not killed")
    return wrong


def main():
    # What a try has met is told by its end.
    logging.disable(logging.CRITICAL)
    server = Server(sys.argv[1], sys.argv[2])
    storms = {"http": Storm(), "grpc": Storm()}
    all_senders = senders(server, server.port, server.grpc_port, "direct")
    through = over_http(storms["http"], server), over_grpc(storms["grpc"], server)
    all_senders += senders(server, *through, "storm")
    threads = [threading.Thread(target=sender.run) for sender in all_senders]
    for thread in threads:
        thread.start()
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        time.sleep(KILL_EVERY)
        server.kill()
        server.start()
    for thread in threads:
        thread.join()
    wrong = judge(server, all_senders, storms)
    server.end()
    sys.exit(f"wrong: {', '.join(wrong)}" if wrong else 0)


if __name__ == "__main__":
    main()
