"""
Django beside a Syncline relay, in one file to copy: Python's standard library and Django, nothing else.

    relay = Relay(settings.SYNCLINE_URL, token=service_token)
    relay.html("articles/1")                        # a document as HTML, through Django's cache by its ETag
    relay.merge("live/1", {"price": {"bid": 12}})   # a change, answered when it is on the relay's disk
    authorize_view(decide), load_view(load), webhook_view(handle)   # what the relay asks, and tells

A document's name is its path on the relay, such as "articles/1".
"""

import base64
import hashlib
import hmac
import json
import time
from http import HTTPStatus
from http.client import HTTPException
from importlib import import_module
from urllib.error import HTTPError
from urllib.parse import quote, urlencode
from urllib.request import HTTPRedirectHandler, Request, build_opener

from django.conf import settings
from django.contrib.auth import get_user
from django.core import signing
from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse, JsonResponse, parse_cookie
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

SERVICE_SALT = "syncline.service"
# seconds that a service token, and a request of the relay, is taken after it was signed
SERVICE_TOKEN_AGE = 3600
SIGNATURE_AGE = 300
# seconds for which a relay that did not answer is not asked again for what the cache has
AWAY_SECONDS = 5
# a webhook brings a document's content along: Django's own bound is one for forms
BODY_BYTES_MAX = 32 * 1024 * 1024


class RelayError(Exception):
    """The relay refused, or was not there (status 0). `code` is stable: see the relay's documentation."""

    def __init__(self, status, code, detail):
        super().__init__(f"{code}: {detail}")
        self.status, self.code = status, code


class NoRedirects(HTTPRedirectHandler):
    """One that is followed would take the token elsewhere, and make of an edit a request that changes nothing."""

    def redirect_request(self, *_):
        return None


OPENER = build_opener(NoRedirects)


class Relay:
    """The documents of a relay. `token` is a string, or a function that makes one for each request."""

    def __init__(self, url, token=None, timeout=5):
        self.url, self.token, self.timeout = url.rstrip("/"), token, timeout

    def html(self, document, **options):
        """Its text as HTML, safe to put into a page, or None where there is no such document."""
        return self.read(document, "/html", **options)

    def text(self, document, **options):
        return self.read(document, "/text", **options)

    def json(self, document, **options):
        body = self.read(document, "", **options)
        return None if body is None else json.loads(body)

    def read(self, document, form, max_age=0, **query):
        """
        One form of a document, kept in Django's cache: the relay is asked whether it is still current, and answers 304
        for next to nothing. Within `max_age` seconds it is not even asked. While the relay is away, what the cache has
        is served on, and only every few seconds somebody waits to see whether it is back. None where there is nothing.
        """
        path = document_path(document) + form + (f"?{urlencode(query)}" if query else "")
        key = "syncline:" + hashlib.sha256(f"{self.url}{path}".encode()).hexdigest()
        kept = cache.get(key)
        if kept and time.time() < kept["until"]:
            return kept["body"]
        try:
            status, headers, body = self.request("GET", path, {"If-None-Match": kept["etag"]} if kept else {})
            if status != HTTPStatus.NOT_MODIFIED:
                kept = {"etag": headers.get("ETag", ""), "body": body.decode()}
            until = time.time() + max_age
        except RelayError as error:
            if error.status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
                cache.delete(key)
                return None
            if not kept or 0 < error.status < 500:
                raise
            until = time.time() + max(max_age, AWAY_SECONDS)
        cache.set(key, {**kept, "until": until}, None)
        return kept["body"]

    def create(self, document, value):
        """Makes a document of JSON; one that exists stays as it is."""
        try:
            self.send("PUT", document_path(document), value, "application/json")
        except RelayError as error:
            if error.code != "document_exists":
                raise

    def merge(self, document, value, window=0):
        """
        Changes what `value` has, as a JSON merge patch (null removes). With `window`, changes of so many milliseconds
        become one edit: for what changes many times a second.
        """
        query = f"?window={window}" if window else ""
        self.send("PATCH", document_path(document) + query, value, "application/merge-patch+json")

    def append(self, document, pointer, items, key=None):
        """Appends to a list. With an idempotency key, a request that is sent again is not applied again."""
        path = f"{document_path(document)}/append?{urlencode({'pointer': pointer})}"
        self.send("POST", path, {"items": items}, "application/json", {"Idempotency-Key": key} if key else {})

    def revoke(self, subject):
        """Ends what somebody has open, at once, such as when they log out; their next request is decided anew."""
        self.send("POST", "/revocations", {"subject": subject}, "application/json")

    def send(self, method, path, value, content_type, headers=None):
        body = json.dumps(value).encode()
        return self.request(method, path, {**(headers or {}), "Content-Type": content_type}, body)

    def request(self, method, path, headers, body=None):
        token = self.token() if callable(self.token) else self.token
        if token:
            headers = {**headers, "Authorization": f"Bearer {token}"}
        request = Request(f"{self.url}/api/v1{path}", data=body, headers=headers, method=method)
        try:
            with OPENER.open(request, timeout=self.timeout) as response:
                return response.status, response.headers, response.read()
        except HTTPError as error:
            with error:
                if error.code == HTTPStatus.NOT_MODIFIED:
                    return error.code, error.headers, b""
                raise problem_of(error) from None
        except (OSError, HTTPException) as error:
            raise RelayError(0, "unreachable", str(error)) from None


def document_path(document):
    return f"/documents/{quote(document, safe='')}"


def problem_of(response):
    try:
        problem = json.loads(response.read())
        return RelayError(response.code, problem["code"], problem["detail"])
    except (ValueError, KeyError, TypeError, OSError, HTTPException):
        return RelayError(response.code, "unknown", response.reason)


def service_token():
    """With which this site itself comes to the relay, which asks this site what the token is good for."""
    return signing.dumps("site", salt=SERVICE_SALT)


def is_service_token(token):
    try:
        return signing.loads(token, salt=SERVICE_SALT, max_age=SERVICE_TOKEN_AGE) == "site"
    except signing.BadSignature:
        return False


def user_of_cookie(header):
    """Whoever a Cookie header belongs to, as Django's session says: a user, perhaps an AnonymousUser."""
    key = parse_cookie(header).get(settings.SESSION_COOKIE_NAME) if isinstance(header, str) else None
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(key)
    # a session gets another key with a page that sets the cookie, and not here, where nobody would hear of it
    request.session.cycle_key = lambda: None
    return get_user(request)


def authorize_view(decide, seconds=60):
    """
    Answers `--authorize-url`: may this visitor have that document? `decide(document, user)` says "read", "write" or
    None; the answer holds for so many seconds, and is then asked for again. This site itself, by its service token,
    may do everything.
    """

    @csrf_exempt
    @require_POST
    def view(request):
        question = json_of(request.body)
        if question is None:
            return HttpResponse(status=HTTPStatus.BAD_REQUEST)
        if question.get("token"):
            if not is_service_token(str(question["token"])):
                return HttpResponse(status=HTTPStatus.UNAUTHORIZED)
            return JsonResponse({"subject": "site", "access": "write", "admin": True, "expiresIn": seconds})
        user = user_of_cookie(question.get("cookie"))
        access = decide(question.get("document"), user)
        if access is None:
            status = HTTPStatus.FORBIDDEN if user.is_authenticated else HTTPStatus.UNAUTHORIZED
            return HttpResponse(status=status)
        return JsonResponse({"subject": subject_of(user), "access": access, "expiresIn": seconds})

    return view


def subject_of(user):
    """What the relay keeps as the author of a change, and revokes by."""
    return f"user:{user.pk}" if user.is_authenticated else "visitor"


def load_view(load):
    """
    Answers `--load-url`: what a document starts with that the relay does not have. `load(name)` returns what is to be
    answered as JSON (see `prosemirror`), or None for an empty document.
    """

    @csrf_exempt
    @require_POST
    def view(request):
        question = json_of(signed_body(request))
        if question is None:
            return HttpResponse(status=HTTPStatus.UNAUTHORIZED)
        content = load(question.get("document"))
        return HttpResponse(status=HTTPStatus.NOT_FOUND) if content is None else JsonResponse(content)

    return view


def prosemirror(paragraphs, field="default"):
    """Plain paragraphs as what Tiptap and ProseMirror edit."""
    nodes = [{"type": "paragraph", "content": [{"type": "text", "text": text}]} for text in paragraphs if text]
    # an editor's schema has one paragraph at least
    return {"type": "prosemirror", "field": field, "content": {"type": "doc", "content": nodes or [{"type": "paragraph"}]}}


def webhook_view(handle):
    """
    Takes the relay's webhooks: `handle(type, data)` is called for each that is signed as it should be. One may come
    twice, and an exception makes the relay send it again, for a day: `data["position"]` tells which is newer.
    """

    @csrf_exempt
    @require_POST
    def view(request):
        event = json_of(signed_body(request))
        if event is None:
            return HttpResponse(status=HTTPStatus.UNAUTHORIZED)
        handle(event["type"], event["data"])
        return HttpResponse(status=HTTPStatus.NO_CONTENT)

    return view


def signed_body(request):
    """What the relay sent, lately; None where it was not the relay: signatures by standardwebhooks.com."""
    ident = request.headers.get("webhook-id", "")
    timestamp = request.headers.get("webhook-timestamp", "")
    # what is decimal in another script is no number to whoever signed it
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= 12):
        return None
    if abs(time.time() - int(timestamp)) > SIGNATURE_AGE:
        return None
    body = request.read(BODY_BYTES_MAX + 1)
    if len(body) > BODY_BYTES_MAX:
        return None
    signed = f"{ident}.{timestamp}.".encode() + body
    expected = b"v1," + base64.b64encode(hmac.new(webhook_key(), signed, hashlib.sha256).digest())
    # one for each secret, while one takes the place of another
    signatures = request.headers.get("webhook-signature", "").split()
    is_signed = any(hmac.compare_digest(signature.encode(), expected) for signature in signatures)
    return body if is_signed else None


def webhook_key():
    secret = settings.SYNCLINE_WEBHOOK_SECRET
    try:
        key = base64.b64decode(secret[len("whsec_") :], validate=True) if secret.startswith("whsec_") else b""
    except ValueError:
        key = b""
    # with a short one, anybody could sign
    if len(key) < 24:
        raise ImproperlyConfigured("SYNCLINE_WEBHOOK_SECRET is whsec_ and 24 to 64 bytes in base64, as the relay has it")
    return key


def json_of(body):
    try:
        value = json.loads(body) if body is not None else None
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
