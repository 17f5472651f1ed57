"""Tells a training loop that its node is about to go, and tells the agent what the loop has saved.

The agent POSTs to the pod; a thread here takes the call and sets a flag. The loop looks at the flag after each step,
saves, and says so, which answers the call. Nothing but the standard library is used, and nothing is saved here.

    hook = CheckpointHook(port=8080)
    for step in range(first, last):
        train(step)
        if hook.requested():
            uri = save(step)  # with a mark of completeness as the last thing that is written
            hook.saved(step, uri)
        if hook.terminating:
            break
"""

import json
import logging
import signal
import socket
import socketserver
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

EVENT_ID_HEADER = "Gpu-Autoscaler-Event-Id"
BODY_BYTES_MAX = 64 * 1024
EVENTS_MAX = 64
ID_LENGTH_MAX = 1024

log = logging.getLogger("checkpoint_hook")


class CheckpointHook:
    """`hold`: the POST is answered when the state is saved; without it at once by 202, and GETs ask how far it is.

    `host`: the address to listen at; left out, all of the pod's, IPv4 and IPv6. Port 0 takes any, see `port`.
    Made in the main thread, it takes SIGTERM for a request to save as well: see `terminating`.
    """

    def __init__(self, port=8080, path="/checkpoint", host=None, hold=True, catch_sigterm=True):
        self.path = path
        self.hold = hold
        self.terminating = False
        self._saved_at_end = False
        self._changed = threading.Condition()
        self._events = {}
        self._server = _server(host, port, self)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, name="checkpoint-hook", daemon=True).start()
        if catch_sigterm and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._on_sigterm)

    def requested(self):
        """What the loop is asked to save for: the call as a dict, or None. Costs nothing, so ask after each step."""
        with self._changed:
            for event in self._events.values():
                if event["state"] == "asked":
                    event["state"] = "seen"
            calls = [event["call"] for event in self._events.values() if event["state"] == "seen"]
        if calls:
            return calls[-1]
        if self.terminating and not self._saved_at_end:
            return {"v": 1, "eventId": "sigterm", "kind": "termination", "drill": False}
        return None

    def saved(self, step=None, uri=None):
        """The state of now is saved, and complete. Answers what `requested` has shown, not what has come since."""
        answer = {}
        if step is not None:
            answer["step"] = int(step)
        if uri is not None:
            answer["uri"] = str(uri)
        self._settle("saved", answer)

    def failed(self, why):
        """The state could not be saved. The agent calls once more, and then `requested` says so again."""
        self._settle("failed", {"error": str(why)})

    def close(self):
        """Nobody is answered any more; who waits for an answer gets none."""
        self._server.shutdown()
        self._server.server_close()

    def _settle(self, state, answer):
        if self.terminating:
            self._saved_at_end = True
        with self._changed:
            for event in self._events.values():
                if event["state"] == "seen":
                    event.update(state=state, answer=answer)
            self._changed.notify_all()

    def _on_sigterm(self, _number, _frame):
        # No lock here: the handler runs in the midst of whatever the main thread was doing.
        self.terminating = True

    def _take(self, event_id, call):
        """Status and answer for one POST. The same event may come again: what is saved is not saved twice."""
        with self._changed:
            event = self._events.get(event_id)
            if event is None or event["state"] == "failed":
                self._forget()
                event = self._events[event_id] = {"state": "asked", "call": call, "answer": None}
                log.info("asked to save: %s", call)
            if self.hold:
                self._changed.wait_for(lambda: event["state"] in _STATUS)
            return _answer_of(event)

    def _look(self, event_id):
        with self._changed:
            return _answer_of(self._events.get(event_id))

    def _forget(self):
        for event_id in [key for key, event in self._events.items() if event["state"] in _STATUS]:
            if len(self._events) < EVENTS_MAX:
                return
            del self._events[event_id]


_STATUS = {"saved": 200, "failed": 500}


def _answer_of(event):
    if event is None:
        return 404, {"error": "no such event"}
    return _STATUS.get(event["state"], 202), event["answer"] or {}


class _Handler(BaseHTTPRequestHandler):
    hook = None
    # A connection that sends nothing holds its thread no longer.
    timeout = 10

    def do_POST(self):
        if self.path.split("?")[0] != self.hook.path:
            return self._answer(404, {"error": "no such path"})
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > BODY_BYTES_MAX:
            return self._answer(413, {"error": "a body of at most %d bytes is wanted" % BODY_BYTES_MAX})
        try:
            call = json.loads(self.rfile.read(int(length)))
        except ValueError:
            call = None
        event_id = call.get("eventId") if isinstance(call, dict) else None
        if not isinstance(event_id, str) or not 0 < len(event_id) <= ID_LENGTH_MAX:
            return self._answer(400, {"error": "a JSON object with an eventId is wanted"})
        # The header is what a GET brings; the body's id may hold what a header cannot.
        return self._answer(*self.hook._take(self.headers.get(EVENT_ID_HEADER) or event_id, call))

    def do_GET(self):
        if self.path.split("?")[0] != self.hook.path:
            return self._answer(404, {"error": "no such path"})
        return self._answer(*self.hook._look(self.headers.get(EVENT_ID_HEADER)))

    def _answer(self, status, content):
        body = json.dumps(content).encode()
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError as error:
            # The agent waits as long as the deadline lets it. What was saved is saved.
            log.info("nobody waited for the answer: %s", error)

    def log_message(self, format, *args):
        log.debug(format, *args)


def _server(host, port, hook):
    class Server(ThreadingHTTPServer):
        daemon_threads = True
        address_family = socket.AF_INET6 if host is None and socket.has_dualstack_ipv6() else socket.AF_INET

        def server_bind(self):
            if self.address_family == socket.AF_INET6:
                self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            # Not HTTPServer's own, which looks our name up and waits for a name server that may not answer.
            socketserver.TCPServer.server_bind(self)
            self.server_name, self.server_port = "localhost", self.server_address[1]

    if host is not None and ":" in host:
        Server.address_family = socket.AF_INET6
    handler = type("Handler", (_Handler,), {"hook": hook})
    return Server((host or "", port), handler)
