"""An application of two tenants; see test/adopt/run."""
import logging
import os

import django
from django.conf import settings

settings.configure(
    APPLICATION_KEY=os.environ["APPLICATION_KEY"],
    SECRET_KEY="of this check alone",
    ALLOWED_HOSTS=["*"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": os.environ["PGHOST"],
            "USER": os.environ["PGUSER"],
            "NAME": os.environ["PGDATABASE"],
            "CONN_MAX_AGE": None,
        }
    },
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "account.AccountMiddleware",
    ],
    ROOT_URLCONF=__name__,
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
)
django.setup()
logging.disable()

from django.db import connection, models  # noqa: E402
from django.http import HttpResponse, JsonResponse  # noqa: E402
from django.test import Client  # noqa: E402
from django.urls import path  # noqa: E402


class Note(models.Model):
    body = models.TextField()

    class Meta:
        app_label = "check"
        db_table = "notes"
        managed = False


def login(request, account_id):
    request.session["account_id"] = account_id
    return HttpResponse()


def notes(request):
    if request.method == "POST":
        Note.objects.create(body=request.POST["body"])
        if request.POST["body"] == "half done":
            raise RuntimeError("no")
    bodies = Note.objects.order_by("id").values_list("body", flat=True)
    # A cursor of the server's, as for large results.
    return JsonResponse({"bodies": list(bodies.iterator())})


urlpatterns = [path("login/<account_id>", login), path("notes", notes)]


def browser(account_id):
    client = Client(raise_request_exception=False)
    client.get("/login/" + account_id)
    return client


def main():
    alice, bob = browser(os.environ["ALICE"]), browser(os.environ["BOB"])
    assert alice.post("/notes", {"body": "from alice"}).status_code == 200
    assert alice.get("/notes").json() == {"bodies": ["from alice"]}
    assert bob.get("/notes").json() == {"bodies": []}
    print("ok: a request reads and writes the rows of its account")

    assert bob.post("/notes", {"body": "half done"}).status_code == 500
    assert bob.get("/notes").json() == {"bodies": []}
    print("ok: a request that fails leaves nothing behind")

    connection.ensure_connection()
    assert Note.objects.count() == 0
    assert Client().get("/notes").json() == {"bodies": []}
    print("ok: the connection, used again, has no identity")


main()
