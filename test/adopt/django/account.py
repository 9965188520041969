"""Runs each request in a transaction, as the account of whoever is logged in.

In MIDDLEWARE, below the session's and the authentication's.  Where the caller
brings an API key or a session of its own: SELECT account.authenticate(%s).
"""
from django.conf import settings
from django.db import connection, transaction


class AccountMiddleware:
    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        account_id = request.session.get("account_id")
        if account_id is None:
            return self.get_response(request)
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT account.act_as(%s, %s)",
                    [settings.APPLICATION_KEY, account_id],
                )
            response = self.get_response(request)
            # A view's exception arrives here as a response.
            if response.status_code >= 500:
                transaction.set_rollback(True)
        return response
