"""What this site and its relay tell each other."""

from django.conf import settings
from django.db import transaction

from syncline import Relay, RelayError, authorize_view, load_view, prosemirror, service_token, webhook_view

from .models import Article, SearchRow

relay = Relay(settings.SYNCLINE_URL, token=service_token)

ARTICLES = "articles/"
LIVE = "live/"


def decide(document, user):
    """Who may do what: the rules of the site's own models, for the editors in browsers as for its pages."""
    if not isinstance(document, str):
        return None
    if document.startswith(LIVE):
        article = Article.objects.filter(slug=document[len(LIVE) :]).first()
        # this site alone writes there
        return "read" if article and article.access_of(user) else None
    article = article_of(document)
    return article.access_of(user) if article else None


def article_of(document):
    if not isinstance(document, str) or not document.startswith(ARTICLES):
        return None
    return Article.objects.filter(slug=document[len(ARTICLES) :]).first()


def load(document):
    """What a document starts with."""
    article = article_of(document)
    return prosemirror(article.draft.splitlines()) if article else None


def handle(event_type, data):
    """Keeps the search table as new as the documents are."""
    article = article_of(data["document"])
    # one without such a text, or with too large a one, has no content: the search keeps what it had
    if event_type != "document.changed" or article is None or data.get("content") is None:
        return
    news = {"text": data["content"], "epoch": data["epoch"], "position": data["position"]}
    with transaction.atomic():
        row = SearchRow.objects.select_for_update().filter(article=article).first()
        # a webhook may come twice, and late
        if row and row.epoch == news["epoch"] and row.position >= news["position"]:
            return
        SearchRow.objects.update_or_create(article=article, defaults=news)


def show_comments(article):
    """Pushes the comments to everybody who has the page open."""
    shown = None
    # others comment in the same moment: whoever is last here has seen all of them
    while (comments := [comment.as_json() for comment in article.comments.select_related("author")]) != shown:
        put_live(article, {"comments": comments})
        shown = comments


def put_live(article, value, window=0):
    try:
        relay.merge(article.live_document, value, window)
    except RelayError as error:
        if error.code != "no_document":
            raise
        relay.create(article.live_document, {})
        relay.merge(article.live_document, value, window)


authorize = authorize_view(decide)
load_document = load_view(load)
webhook = webhook_view(handle)
