import time
from unittest.mock import patch

from django.core.cache import cache
from django.core.management.base import BaseCommand
from django.test import Client

from articles.models import Article
from articles.relay import relay

WORDS = "It was the best of times, it was the worst of times, it was the age of wisdom and of foolishness. "


class Command(BaseCommand):
    help = "How many pages a second this site makes of a 300 KB article: with the relay's text, and of its database alone."

    def add_arguments(self, parser):
        parser.add_argument("--seconds", type=float, default=5)

    def handle(self, seconds, **_):
        draft = "\n".join([WORDS * 5] * (300_000 // (len(WORDS) * 5)))
        article, _ = Article.objects.get_or_create(slug="large", defaults={"title": "Large", "draft": draft})
        client = Client(HTTP_HOST="127.0.0.1")
        html = relay.html(article.document)
        self.tell("with the relay, which says that nothing changed", seconds, lambda: client.get("/large/"))
        self.tell("with the relay, without a cache", seconds, lambda: (cache.clear(), client.get("/large/")))
        with patch.object(relay, "html", lambda document: html):
            self.tell("of the database alone", seconds, lambda: client.get("/large/"))

    def tell(self, story, seconds, read):
        count, start = 0, time.perf_counter()
        while time.perf_counter() - start < seconds:
            read()
            count += 1
        self.stdout.write(f"{count / (time.perf_counter() - start):8.1f} pages/s {story}")
