from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.signals import user_logged_out
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.dispatch import receiver
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.safestring import mark_safe
from django.views.decorators.http import require_GET, require_POST

from syncline import RelayError, subject_of

from .models import Article
from .relay import relay, show_comments


@require_GET
def index(request):
    query = request.GET.get("q", "").strip()
    found = Article.objects.order_by("title").distinct()
    if query:
        found = found.filter(Q(title__icontains=query) | Q(search_row__text__icontains=query))
    articles = [article for article in found if article.access_of(request.user)]
    return render(request, "articles/index.html", {"articles": articles, "query": query})


@require_GET
def article(request, slug):
    article = readable(request, slug)
    context = {
        "article": article,
        "text": text_of(article),
        "comments": article.comments.select_related("author"),
        "may_edit": article.access_of(request.user) == "write",
        "live": {"relay": settings.SYNCLINE_PUBLIC_URL, "document": article.live_document, "text": article.document},
    }
    return render(request, "articles/article.html", context)


@require_GET
def article_text(request, slug):
    """The text alone, for pages that are open while it changes."""
    text = text_of(readable(request, slug))
    return HttpResponse(status=503) if text is None else HttpResponse(text)


@login_required
@require_GET
def edit(request, slug):
    article = readable(request, slug)
    if article.access_of(request.user) != "write":
        raise PermissionDenied
    name = request.user.get_full_name() or request.user.get_username()
    editor = {"relay": settings.SYNCLINE_PUBLIC_URL, "document": article.document, "name": name}
    return render(request, "articles/edit.html", {"article": article, "editor": editor})


@login_required
@require_POST
def comment(request, slug):
    article = readable(request, slug)
    text = request.POST.get("text", "").strip()[:1000]
    if text:
        article.comments.create(author=request.user, text=text)
        try:
            show_comments(article)
        except RelayError as error:
            # it is in the database, and the next one brings it along
            messages.warning(request, f"Your comment is kept, but not shown live: {error}")
    return redirect(article)


@receiver(user_logged_out)
def leave_documents(user, **_):
    """Whoever logs out here is out of every document at once, and not only when the relay asks again."""
    if user is None:
        return
    try:
        relay.revoke(subject_of(user))
    except RelayError:
        pass  # the grant ends by itself within a minute


def readable(request, slug):
    article = get_object_or_404(Article, slug=slug)
    if article.access_of(request.user) is None:
        raise Http404
    return article


def text_of(article):
    """The relay's HTML has no scripts and no attributes but those of the schema."""
    try:
        html = relay.html(article.document)
    except RelayError:
        return None
    return mark_safe(html) if html is not None else ""
