import base64
import hashlib
import hmac
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured
from django.test import Client, TestCase, override_settings

from articles.models import Article, SearchRow
from syncline import Relay, RelayError, service_token, user_of_cookie

KEY = bytes(range(32))
SECRET = "whsec_" + base64.b64encode(KEY).decode()


class FakeRelay:
    """Answers what a test says, and keeps what it was asked."""

    def __init__(self, test, answer):
        asked = self.asked = []

        class Handler(BaseHTTPRequestHandler):
            def answer(self):
                asked.append((self.command, self.path, self.headers))
                status, headers, body = answer(self)
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                try:
                    self.end_headers()
                    self.wfile.write(body)
                except BrokenPipeError:
                    pass  # whoever asked did not wait

            do_GET = do_POST = do_PATCH = answer

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{server.server_port}"
        self.stop = lambda: (server.shutdown(), server.server_close())
        test.addCleanup(self.stop)


class AskingTheRelay(TestCase):
    def setUp(self):
        cache.clear()

    def test_what_has_not_changed_comes_from_the_cache(self):
        versions = ["one"]

        def answer(request):
            etag = f'"{versions[-1]}"'
            if request.headers["If-None-Match"] == etag:
                return 304, {"ETag": etag}, b""
            return 200, {"ETag": etag}, versions[-1].encode()

        fake = FakeRelay(self, answer)
        relay = Relay(fake.url, token=lambda: "a-token")
        self.assertEqual([relay.html("a/b"), relay.html("a/b")], ["one", "one"])
        versions.append("two")
        self.assertEqual([relay.html("a/b"), relay.html("a/b", max_age=60)], ["two", "two"])
        self.assertEqual(relay.html("a/b"), "two")
        self.assertEqual([path for _, path, _ in fake.asked], ["/api/v1/documents/a%2Fb/html"] * 4)
        self.assertEqual(fake.asked[0][2]["Authorization"], "Bearer a-token")

    def test_while_it_is_away_pages_have_what_the_cache_has_and_do_not_wait_for_it(self):
        late = threading.Event()
        self.addCleanup(late.set)
        hangs = []

        def answer(_):
            if hangs:
                late.wait(10)
            return 200, {"ETag": '"1"'}, b"kept"

        fake = FakeRelay(self, answer)
        relay = Relay(fake.url, timeout=0.2)
        self.assertEqual(relay.text("a"), "kept")
        hangs.append(True)
        start = time.monotonic()
        self.assertEqual([relay.text("a") for _ in range(20)], ["kept"] * 20)
        self.assertLess(time.monotonic() - start, 2)
        with self.assertRaises(RelayError) as raised:
            relay.text("b")
        self.assertEqual((raised.exception.status, raised.exception.code), (0, "unreachable"))

    def test_no_redirect_is_followed_and_no_token_goes_elsewhere(self):
        other = FakeRelay(self, lambda _: (200, {"ETag": '"1"'}, b"stolen"))
        fake = FakeRelay(self, lambda request: (302, {"Location": other.url + request.path}, b""))
        relay = Relay(fake.url, token="a-token")
        for ask in (lambda: relay.html("a"), lambda: relay.append("a", "/log", [1]), lambda: relay.merge("a", {})):
            with self.assertRaises(RelayError) as raised:
                ask()
            self.assertEqual(raised.exception.status, 302)
        self.assertEqual(other.asked, [])

    def test_what_is_gone_is_none_and_what_is_broken_is_said(self):
        answers = {
            "gone": (410, {}, b'{"code":"document_deleted","detail":"it is deleted"}'),
            "none": (404, {}, b'{"code":"no_document","detail":"there is none"}'),
            "short": (200, {"ETag": '"1"', "Content-Length": "100"}, b"cut off"),
            "page": (502, {}, b"<h1>of a proxy</h1>"),
            "denied": (403, {}, b'{"code":"forbidden","detail":"no"}'),
        }
        fake = FakeRelay(self, lambda request: answers[request.path.split("/")[4]])
        relay = Relay(fake.url)
        self.assertEqual([relay.html("gone"), relay.html("none")], [None, None])
        for name, code in {"short": "unreachable", "page": "unknown", "denied": "forbidden"}.items():
            with self.assertRaises(RelayError) as raised:
                relay.html(name)
            self.assertEqual(raised.exception.code, code)


@override_settings(SYNCLINE_WEBHOOK_SECRET=SECRET)
class WhatTheRelaySends(TestCase):
    def setUp(self):
        self.article = Article.objects.create(slug="a", title="A", draft="first\n\nsecond")

    def post(self, path, value, *, key=KEY, at=None, before=(), body=None):
        sent = json.dumps(value).encode()
        timestamp = str(int(time.time())) if at is None else at
        digest = hmac.new(key, f"msg_1.{timestamp}.".encode() + sent, hashlib.sha256).digest()
        signatures = [*before, "v1," + base64.b64encode(digest).decode()]
        headers = {
            "HTTP_WEBHOOK_ID": "msg_1",
            "HTTP_WEBHOOK_TIMESTAMP": timestamp,
            "HTTP_WEBHOOK_SIGNATURE": " ".join(signatures),
        }
        client = Client(enforce_csrf_checks=True)
        return client.post(f"/syncline/{path}", body or sent, content_type="application/json", **headers)

    def changed(self, position, content, **data):
        data = {"document": "articles/a", "epoch": "e", "position": position, "content": content, **data}
        return {"type": "document.changed", "timestamp": "", "data": data}

    def test_is_taken_where_one_of_its_signatures_is_right(self):
        event = self.changed(1, "text")
        self.assertEqual(self.post("webhook", event).status_code, 204)
        self.assertEqual(self.post("webhook", event, before=["v1,AAAA", "v2,é"]).status_code, 204)
        now = int(time.time())
        for refused in (
            {"key": bytes(32)},
            {"body": json.dumps(self.changed(2, "other"))},
            {"at": str(now - 400)},
            {"at": str(now + 400)},
            {"at": ""},
            {"at": "²"},
            {"at": "9" * 5000},
        ):
            self.assertEqual(self.post("webhook", event, **refused).status_code, 401, refused)
            self.assertEqual(self.post("load", {"document": "articles/a"}, **refused).status_code, 401, refused)
        self.assertEqual(SearchRow.objects.get().text, "text")

    def test_may_be_larger_than_a_form_and_come_twice_late_or_without_content(self):
        long = "x" * 3_000_000
        for position, content, kept in ((2, long, long), (1, "late", long), (2, "twice", long), (3, None, long)):
            self.assertEqual(self.post("webhook", self.changed(position, content)).status_code, 204)
            self.assertEqual(SearchRow.objects.get().text, kept)

    def test_begins_a_document_with_what_the_database_has(self):
        answer = self.post("load", {"document": "articles/a"}).json()
        texts = [node["content"][0]["text"] for node in answer["content"]["content"]]
        self.assertEqual((answer["type"], texts), ("prosemirror", ["first", "second"]))
        for document in ("articles/none", "other", 7, None):
            self.assertEqual(self.post("load", {"document": document}).status_code, 404)

    def test_nothing_is_taken_with_a_secret_that_anybody_could_guess(self):
        for secret in ("", "whsec_", "whsec_c2hvcnQ=", "whsec_%%%", "secret"):
            with override_settings(SYNCLINE_WEBHOOK_SECRET=secret), self.assertRaises(ImproperlyConfigured):
                self.post("webhook", self.changed(1, "text"), key=b"")


class WhoMayDoWhat(TestCase):
    def setUp(self):
        self.ada = get_user_model().objects.create_user("ada", password="ada")
        Article.objects.create(slug="a", title="A", is_public=False).editors.add(self.ada)
        self.browser = Client()
        self.browser.force_login(self.ada)
        self.cookie = "sessionid=" + self.browser.cookies["sessionid"].value

    def ask(self, **question):
        client = Client(enforce_csrf_checks=True)
        return client.post("/syncline/authorize", json.dumps(question), content_type="application/json")

    def test_is_asked_by_the_cookie_of_the_site_whatever_else_is_in_it(self):
        for cookie in (self.cookie, f'a={{"b":1}}; c[d]=é; =; {self.cookie}; other="x'):
            answer = self.ask(document="articles/a", cookie=cookie).json()
            self.assertEqual((answer["subject"], answer["access"]), (f"user:{self.ada.pk}", "write"))
            self.assertNotIn("admin", answer)

    def test_is_refused_to_everybody_else(self):
        for question, status in (
            ({"document": "articles/a"}, 401),
            ({"document": "articles/a", "cookie": "sessionid=made-up"}, 401),
            ({"document": "articles/a", "cookie": ["x"]}, 401),
            ({"document": "articles/a", "cookie": self.cookie, "token": "made-up"}, 401),
            ({"document": "articles/a", "token": {"a": 1}}, 401),
            ({"document": "$relay", "cookie": self.cookie}, 403),
            ({"document": None, "cookie": self.cookie}, 403),
        ):
            self.assertEqual(self.ask(**question).status_code, status, question)
        with_service_token = self.ask(document="articles/a", token=service_token()).json()
        self.assertEqual((with_service_token["subject"], with_service_token["admin"]), ("site", True))

    def test_whoever_is_asked_about_stays_logged_in(self):
        user_of_cookie(self.cookie)
        self.assertContains(self.browser.get("/"), "Log out")

    def test_nobody_logs_out_by_a_link(self):
        self.assertEqual(Client(enforce_csrf_checks=True).post("/logout/").status_code, 403)
