from django.contrib.auth.views import LoginView, LogoutView
from django.urls import include, path

urlpatterns = [
    path("login/", LoginView.as_view(template_name="articles/login.html"), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("syncline/", include("articles.syncline_urls")),
    path("", include("articles.urls")),
]
