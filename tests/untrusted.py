"""A tracking server on loopback that misbehaves as a test needs: false sizes, invalid answers, one byte at a time."""

import contextlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

RUN = "0123456789abcdef" * 2
PROXIED = "/api/2.0/mlflow-artifacts/artifacts"


class UntrustedServer:
    """Serves one run, over HTTPS with `tls`.

    `files` are (announced size, chunks to send, headers) by name.
    """

    def __init__(self, uri="mlflow-artifacts:/1/artifacts", tls=None):
        self.artifact_uri, self.files, self.answer, self.pause, self.requests = uri, {}, None, 0.0, []
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.http.daemon_threads = True
        if tls is not None:
            self.http.socket = tls.wrap_socket(self.http.socket, server_side=True)
        self.port = self.http.server_port
        self.uri = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()

    def add(self, name, content, size=None, **headers):
        """Serve a file; `content` is bytes, or a function that returns an iterator of bytes."""
        chunks = content if callable(content) else lambda: iter([content])
        self.files[name] = (len(content) if size is None else size, chunks, headers)

    def _handler(self):
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                server.requests.append((self.path, dict(self.headers)))
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                with contextlib.suppress(OSError):
                    server._serve(self)

            do_POST = do_GET

            def log_message(self, *_):
                pass

        return Handler

    def _serve(self, request):
        url = urlsplit(request.path)
        if self.pause:  # one byte of the headers at a time
            for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}":
                request.wfile.write(bytes([byte]))
                time.sleep(self.pause)
        elif url.path == "/health":
            self._send(request, b"OK")
        elif self.answer is not None:
            self._send(request, self.answer)
        elif url.path.endswith("/runs/get"):
            self._send(request, json.dumps({"run": self._run()}).encode())
        elif url.path == PROXIED:
            self._send(request, json.dumps({"files": self._listing(parse_qs(url.query))}).encode())
        else:
            _, chunks, headers = self.files[url.path.removeprefix(f"{PROXIED}/1/artifacts/")]
            request.send_response(200)
            for key, value in headers.items():
                request.send_header(key.replace("_", "-"), value)
            request.end_headers()
            for chunk in chunks():
                request.wfile.write(chunk)

    def _run(self):
        info = {"run_id": RUN, "run_uuid": RUN, "experiment_id": "1", "status": "FINISHED", "start_time": 1}
        return {"info": info | {"artifact_uri": self.artifact_uri, "lifecycle_stage": "active"}, "data": {}}

    def _listing(self, query):
        below = query.get("path", [""])[0].removeprefix("1/artifacts").strip("/")
        names = [name for name in self.files if name.rpartition("/")[0] == below]
        return [{"path": n.rpartition("/")[2], "is_dir": False, "file_size": self.files[n][0]} for n in names]

    @staticmethod
    def _send(request, content):
        request.send_response(200)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)


@contextlib.contextmanager
def untrusted_server(*arguments, **options):
    running = UntrustedServer(*arguments, **options)
    try:
        yield running
    finally:
        running.http.shutdown()
        running.http.server_close()
