import itertools
import random
import time
from decimal import Decimal

from django.core.management.base import BaseCommand

from articles.models import Article
from articles.relay import put_live
from syncline import RelayError


class Command(BaseCommand):
    help = "Puts a price on every article's page and lets it wander, as a feed of the stock exchange would."

    def add_arguments(self, parser):
        parser.add_argument("--per-second", type=float, default=5)

    def handle(self, per_second, **_):
        price = Decimal("100.00")
        for round in itertools.count():
            price = max(Decimal("1.00"), price + Decimal(random.randint(-50, 50)) / 100)
            for article in Article.objects.all():
                try:
                    put_live(article, {"price": str(price)}, window=200)
                except RelayError as error:
                    self.stderr.write(f"the relay took no price: {error}")
                    time.sleep(1)
            if round == 0:
                self.stdout.write("Every article has a price.")
            time.sleep(1 / per_second)
