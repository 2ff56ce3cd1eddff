"""An ordinary Django site for development; what concerns Syncline stands at the end."""

import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(os.environ.get("NEWSROOM_DATA", BASE_DIR.parents[1] / "data" / "newsroom"))

DEBUG = True
SECRET_KEY = os.environ.get("NEWSROOM_SECRET_KEY", "for development only: choose another one where others come in")
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "articles",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "newsroom.urls"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": DATA_DIR / "newsroom.sqlite3"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
STATIC_URL = "/static/"
# what is bundled for the editor's page
STATICFILES_DIRS = [BASE_DIR / "dist"]
USE_TZ = True
TIME_ZONE = "UTC"
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "index"
LOGOUT_REDIRECT_URL = "index"

# what the relay asks comes often: only what goes wrong is worth a line
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "loggers": {"django.server": {"level": "WARNING"}},
}

# where the relay is for this process, and for browsers
SYNCLINE_URL = os.environ.get("SYNCLINE_URL", "http://127.0.0.1:4321")
SYNCLINE_PUBLIC_URL = os.environ.get("SYNCLINE_PUBLIC_URL", SYNCLINE_URL)
# what the relay signs its webhooks and questions with
SYNCLINE_WEBHOOK_SECRET = os.environ.get("SYNCLINE_WEBHOOK_SECRET", "")
