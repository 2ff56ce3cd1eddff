from django.urls import path

from . import relay

urlpatterns = [
    path("authorize", relay.authorize),
    path("load", relay.load_document),
    path("webhook", relay.webhook),
]
