"""Ordinary tools of developers, as one table: the command, and where it works."""

import sys
from typing import NamedTuple

_ASYNCIO_THREAD = """
import asyncio
async def main():
    async with asyncio.timeout(60):
        return await asyncio.to_thread(lambda: "ok")
print(asyncio.run(main()))
"""
_ASYNCIO_CHILD = """
import asyncio
async def main():
    async with asyncio.timeout(60):
        child = await asyncio.create_subprocess_exec("echo", "ok")
        assert await child.wait() == 0
asyncio.run(main())
"""
_MULTIPROCESSING = """
import multiprocessing, sys
def double(n): return 2 * n
if __name__ == "__main__":
    with multiprocessing.get_context(sys.argv[1]).Pool(1) as pool:
        assert pool.map_async(double, [21]).get(20) == [42]
    print("ok")
"""
_HTTP_SERVER = """
import http.server, threading, urllib.request
server = http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://localhost:{server.server_port}/file"
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
assert opener.open(url, timeout=180).read() == b"text\\n"
server.shutdown()
print("ok")
"""
_UNIX_SERVER = """
import socket
with socket.socket(socket.AF_UNIX) as server:
    server.bind("socket")
    server.listen()
print("ok")
"""
_PTY = """
import pty, sys
sys.exit(pty.spawn(["/bin/sh", "-c", "test -t 0 && echo ok"]))
"""
_SQLITE = """
import sqlite3
with sqlite3.connect("base.db") as base:
    base.execute("pragma journal_mode=wal")
    base.execute("create table if not exists t (x)")
print("ok")
"""
_NODE_CHILD = """
const said = require("child_process").execSync("echo ok").toString()
process.stdout.write(said)
"""
_NODE_WORKER = """
const { Worker } = require("worker_threads")
const code = 'require("worker_threads").parentPort.postMessage("ok")'
new Worker(code, { eval: true }).on("message", (said) => console.log(said))
"""
_NODE_FORK = """
if (process.argv[2]) process.send("ok", () => process.disconnect())
else require("child_process").fork(__filename, ["child"])
  .on("message", (said) => console.log(said))
"""
_NODE_INTERFACES = """
if (!Object.keys(require("os").networkInterfaces()).length) process.exit(1)
console.log("ok")
"""
_TEST = "def test_it(tmp_path):\n    (tmp_path / 'x').write_text('x')\n"
_MAIN_C = '#include <stdio.h>\nint main(void) { return puts("ok") < 0; }\n'

FILES = {
    "file": "text\n",
    "thread.py": _ASYNCIO_THREAD,
    "child.py": _ASYNCIO_CHILD,
    "pool.py": _MULTIPROCESSING,
    "server.py": _HTTP_SERVER,
    "unix.py": _UNIX_SERVER,
    "terminal.py": _PTY,
    "base.py": _SQLITE,
    "child.js": _NODE_CHILD,
    "worker.js": _NODE_WORKER,
    "fork.js": _NODE_FORK,
    "interfaces.js": _NODE_INTERFACES,
    "test_it.py": _TEST,
    "main.c": _MAIN_C,
}
_PYTHON = sys.executable


class Tool(NamedTuple):
    """A tool, the script that uses it, and what the script prints when it works."""

    name: str
    script: str
    says: str = "ok"
    needs: str = "sh"
    unless: str = ""
    """Where it does not work: ``strict`` without local servers; ``any`` without sockets
    in the file system; ``traced`` without ptrace."""


TOOLS = (
    Tool("git status", "git status --short", "?? base.py", "git"),
    Tool(
        "git diff", "git diff --no-index file main.c; test $? = 1", "+int main", "git"
    ),
    Tool("asyncio to_thread", f"{_PYTHON} thread.py"),
    Tool("asyncio subprocess", f"{_PYTHON} child.py"),
    Tool("multiprocessing fork", f"{_PYTHON} -W ignore pool.py fork"),
    Tool("multiprocessing spawn", f"{_PYTHON} pool.py spawn"),
    Tool("multiprocessing forkserver", f"{_PYTHON} pool.py forkserver", unless="any"),
    Tool("local HTTP server", f"{_PYTHON} server.py", unless="strict"),
    Tool("server at a path", f"{_PYTHON} unix.py", unless="any"),
    Tool("sqlite", f"{_PYTHON} base.py"),
    Tool("pty", f"{_PYTHON} terminal.py"),
    Tool("pytest", f"{_PYTHON} -m pytest -q test_it.py", "1 passed"),
    Tool("pip", "pip --version", "pip ", "pip"),
    Tool("node execSync", "node child.js", needs="node"),
    Tool("node worker", "node worker.js", needs="node"),
    Tool("node fork", "node fork.js", needs="node"),
    Tool("node interfaces", "node interfaces.js", needs="node", unless="strict"),
    Tool("gcc", "gcc -o main main.c && ./main", needs="gcc"),
    Tool("process substitution", "bash -c 'cat <(echo ok)'", needs="bash"),
    Tool("ps", "ps -e", "PID", "ps"),
    Tool("mktemp", 'test -w "$(mktemp)" && echo ok', needs="mktemp"),
    Tool("strace", "strace -f -o log echo ok", needs="strace", unless="traced"),
    Tool("gdb", "gdb -batch -ex run main", "exited normally", "gdb", "traced"),
)
