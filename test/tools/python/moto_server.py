# moto, an independent stand-in of AWS's API, on a port of the loopback interface, with a layer in front that makes the
# trouble which moto cannot: it answers the next calls of an action with a given text, or loses their answers. Prints
# "ready PORT" and serves until its standard input ends. Orders come as JSON to the paths in ORDERS.

import json
import sys
import threading
import time
from io import BytesIO
from urllib.parse import parse_qsl

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

BACKEND = DomainDispatcherApplication(create_backend_app)
LOCK = threading.Lock()
TROUBLES = []
CALLS = []
CLOCK = {"skew_s": 0}


def set_trouble(request):
    TROUBLES.append(request.get_json())


def forget(request):
    TROUBLES.clear()
    CALLS.clear()
    CLOCK["skew_s"] = 0


def calls(request):
    return CALLS


def skew(request):
    CLOCK["skew_s"] = request.get_json()["seconds"]


ORDERS = {"/_trouble": set_trouble, "/_forget": forget, "/_calls": calls, "/_skew": skew}


def application(environ, start_response):
    request = Request(environ)
    if request.path in ORDERS:
        with LOCK:
            said = json.dumps(ORDERS[request.path](request))
        return Response(said, content_type="application/json")(environ, start_response)
    body = request.get_data()
    environ["wsgi.input"] = BytesIO(body)
    form = dict(parse_qsl(body.decode())) if request.method == "POST" else {}
    action = form.get("Action", "")
    # Whoever builds the scene says so, and what they do is no call of the program under test.
    counted = request.headers.get("x-scene") is None and action != ""
    trouble = take(action) if counted else None
    if counted:
        with LOCK:
            CALLS.append({"action": action, "form": form, "trouble": trouble and trouble["kind"]})
    if trouble is None:
        return BACKEND(environ, start_response)
    if trouble["kind"] == "lost-after":
        list(BACKEND(environ, lambda status, headers, exc_info=None: None))
    if trouble["kind"] == "answer":
        answer = Response(
            trouble["body"], trouble["status"], content_type="text/xml", headers=trouble.get("headers", {})
        )
        return answer(environ, start_response)
    if trouble["kind"] == "without":
        return without(trouble["element"], trouble["behind"], environ, start_response)
    # The server takes it for a client that went away, and closes the connection without a word.
    raise ConnectionAbortedError("the answer is lost on demand")


def without(element, behind, environ, start_response):
    """moto's answer, less the first such element behind a text."""
    seen = {}

    def keep(status, headers, exc_info=None):
        seen.update(status=status, headers=[pair for pair in headers if pair[0].lower() != "content-length"])

    text = b"".join(BACKEND(environ, keep)).decode()
    if behind in text:
        start = text.index("<%s>" % element, text.index(behind))
        text = text[:start] + text[text.index("</%s>" % element, start) + len(element) + 3 :]
    return Response(text, seen["status"], headers=seen["headers"])(environ, start_response)


def take(action):
    with LOCK:
        for trouble in TROUBLES:
            if action not in trouble["actions"]:
                continue
            if trouble.get("times") is not None:
                trouble["times"] -= 1
                if trouble["times"] <= 0:
                    TROUBLES.remove(trouble)
            return trouble
    return None


class Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body go out apart, and the second would wait for the first one's receipt.
    disable_nagle_algorithm = True

    def log(self, type, message, *args):
        pass

    def date_time_string(self, timestamp=None):
        return super().date_time_string(time.time() + CLOCK["skew_s"])

    def connection_dropped(self, error, environ=None):
        self.close_connection = True


server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print("ready %d" % server.server_port, flush=True)
sys.stdin.read()
