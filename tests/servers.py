"""Real tracking servers on loopback, with SQLite or PostgreSQL, that can be killed, stopped and started."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

BOOT = 120
"""Seconds that a server may take to start on a busy machine."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def is_listening(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Server:
    """`mlflow server --workers 1`; its store and artifacts stay when its process ends."""

    def __init__(self, folder, backend=None):
        self.folder, self.port = Path(folder), free_port()
        self.uri = f"http://127.0.0.1:{self.port}"
        self.backend = backend or f"sqlite:///{self.folder / 'server.db'}"
        self.process = None

    def start(self):
        command = [sys.executable, "-m", "mlflow", "server", "--workers", "1", "--host", "127.0.0.1"]
        command += ["--port", str(self.port), "--backend-store-uri", self.backend]
        command += ["--artifacts-destination", str(self.folder / "artifacts")]
        quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        environment = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"} | quiet
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=self.folder, env=environment, stdout=log, stderr=log, start_new_session=True
            )
        return self

    def wait(self):
        """Wait until the server answers."""
        for _ in range(BOOT * 5):
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{self.uri}/health", timeout=5):
                return self
            assert self.process.poll() is None, (self.folder / "server.log").read_text()[-2000:]
            time.sleep(0.2)
        raise AssertionError(f"no answer in {BOOT} s: {(self.folder / 'server.log').read_text()[-2000:]}")

    def signal(self, number):
        """Send a signal to the server and its workers."""
        os.killpg(self.process.pid, number)

    def kill(self):
        """Kill the server; return when nothing listens on its port: its workers end a moment after their parent."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                self.signal(signal.SIGKILL)
            self.process.wait()
            self.process = None
        while is_listening(self.port):
            time.sleep(0.01)


@contextlib.contextmanager
def server(folder, backend=None):
    Path(folder).mkdir(parents=True, exist_ok=True)
    running = Server(folder, backend).start()
    try:
        yield running.wait()
    finally:
        running.kill()


# --- a proxy with errors ---------------------------------------------------------------------------------------------


class Proxy:
    """Forwards each request to a server, or answers with `status`; loses the answers to the first `lose` changes."""

    def __init__(self, target):
        self.target, self.status, self.lose = target, None, 0
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.uri = f"http://127.0.0.1:{self.http.server_port}"
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def close(self):
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()

    def _handler(self):
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            def _serve(self):
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length)
                if self.headers.get("Transfer-Encoding") == "chunked":
                    body = self._chunks()
                if proxy.status is not None:
                    return self._answer(proxy.status, b"no")
                status, content = proxy.ask(self.command, self.path, body, self.headers)
                if self.command != "GET" and proxy.lose:
                    proxy.lose -= 1
                    status, content = 500, b"the answer was lost"
                return self._answer(status, content)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

            def _chunks(self):
                parts = []
                while size := int(self.rfile.readline(), 16):
                    parts.append(self.rfile.read(size))
                    self.rfile.readline()
                self.rfile.readline()
                return b"".join(parts)

            def _answer(self, status, content):
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        return Handler

    def ask(self, method, path, body, headers):
        kept = {key: headers[key] for key in ("Content-Type",) if headers.get(key)}
        request = urllib.request.Request(self.target + path, data=body or None, headers=kept, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()


@contextlib.contextmanager
def proxy(target):
    running = Proxy(target)
    try:
        yield running
    finally:
        running.close()


# --- PostgreSQL ------------------------------------------------------------------------------------------------------


def postgresql_programs():
    """Return the folder of initdb and pg_ctl, or None."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).parent if on_path else None


def why_no_postgresql():
    """Return why PostgreSQL can't be started here, or None."""
    if postgresql_programs() is None:
        return "PostgreSQL's initdb is not installed"
    if os.name != "posix":
        return "starting PostgreSQL by hand is only tried on Linux and macOS"
    if os.geteuid() == 0 and shutil.which("runuser") is None:
        return "PostgreSQL refuses to run as root, and there is no runuser"
    try:
        import psycopg  # noqa: F401
    except ImportError:
        return "psycopg is not installed: the extra `postgresql` brings it"
    return None


@contextlib.contextmanager
def postgresql():
    """Start a new PostgreSQL on loopback; yield its address for MLflow."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="pg_", dir="/tmp") as folder:
        Path(folder).chmod(0o777)
        data = f"{folder}/data"
        programs = postgresql_programs()
        _as_postgres(programs / "initdb", "-D", data, "-A", "trust", "-U", "postgres", "--no-sync")
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c fsync=off -k {folder}"
        _as_postgres(programs / "pg_ctl", "-D", data, "-o", options, "-l", f"{folder}/log", "-w", "start")
        try:
            yield f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres"
        finally:
            _as_postgres(programs / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")


def _as_postgres(*command):
    user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    subprocess.run([*user, *map(str, command)], cwd="/", check=True, capture_output=True, timeout=120)
