from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand

from articles.models import Article

DRAFT = """It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of foolishness.
It was the epoch of belief, it was the epoch of incredulity, it was the season of light, it was the season of darkness."""


class Command(BaseCommand):
    help = "Makes two editors, a reader and two articles, for trying the site. Passwords are the names."

    def handle(self, **_):
        users = {name: self.user(name) for name in ("ada", "ben", "cy")}
        article, _ = Article.objects.get_or_create(slug="times", defaults={"title": "Two cities", "draft": DRAFT})
        article.editors.set([users["ada"], users["ben"]])
        secret, _ = Article.objects.get_or_create(slug="plans", defaults={"title": "Plans", "is_public": False})
        secret.editors.set([users["ada"]])

    def user(self, name):
        user, is_new = get_user_model().objects.get_or_create(username=name, defaults={"first_name": name.title()})
        if is_new:
            user.set_password(name)
            user.save()
        return user
