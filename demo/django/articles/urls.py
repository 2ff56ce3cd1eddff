from django.urls import path

from . import views

urlpatterns = [
    path("", views.index, name="index"),
    path("<slug:slug>/", views.article, name="article"),
    path("<slug:slug>/text", views.article_text, name="article-text"),
    path("<slug:slug>/edit", views.edit, name="edit"),
    path("<slug:slug>/comments", views.comment, name="comment"),
]
