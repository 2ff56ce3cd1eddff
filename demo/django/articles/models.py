from django.conf import settings
from django.db import models
from django.urls import reverse


class Article(models.Model):
    """Who may see and edit an article. Its text is a document of the relay."""

    slug = models.SlugField(unique=True)
    title = models.CharField(max_length=200)
    # what it starts with: the relay asks for it once, when somebody opens the document for the first time
    draft = models.TextField(blank=True)
    is_public = models.BooleanField(default=True)
    editors = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="articles", blank=True)

    def __str__(self):
        return self.title

    def get_absolute_url(self):
        return reverse("article", args=[self.slug])

    @property
    def document(self):
        """The article's text: editors write, in the browser."""
        return f"articles/{self.slug}"

    @property
    def live_document(self):
        """What changes on its page while people look at it: this site writes, everybody reads."""
        return f"live/{self.slug}"

    def access_of(self, user):
        """"write", "read" or None."""
        if user.is_authenticated and self.editors.filter(pk=user.pk).exists():
            return "write"
        return "read" if self.is_public else None


class Comment(models.Model):
    article = models.ForeignKey(Article, on_delete=models.CASCADE, related_name="comments")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    text = models.CharField(max_length=1000)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["pk"]

    def as_json(self):
        # a list keeps the identity of items that have an id
        return {
            "id": self.pk,
            "author": self.author.get_username(),
            "text": self.text,
            "at": self.created.isoformat(),
        }


class SearchRow(models.Model):
    """The text of an article as the webhook brought it last: what the site's search looks through."""

    article = models.OneToOneField(Article, on_delete=models.CASCADE, related_name="search_row")
    text = models.TextField()
    epoch = models.CharField(max_length=32)
    position = models.PositiveBigIntegerField()
