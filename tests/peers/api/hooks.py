"""Hooks of schemathesis: the token, values that no pattern describes, and a key of its own for each request.

A cursor of suppressions or routes comes from an answer: nobody makes one up. So an invented one of a sound form is left
out; one that is wrong on purpose stays.
"""

import os
import re
import uuid

import schemathesis
from hypothesis import strategies

KEY = re.compile(r"[!#-+\-./0-:<-\[\]-~]{1,255}")

schemathesis.openapi.format("phone-or-email", strategies.sampled_from(["+8613800138001", "li.wei@example.com"]))
schemathesis.openapi.format("date-or-instant", strategies.sampled_from(["2099-12-31", "2099-12-31T18:00:00+08:00"]))
schemathesis.openapi.format("language-tag", strategies.sampled_from(["en", "zh-CN"]))
schemathesis.openapi.format("hours", strategies.sampled_from(["18:00-21:00", "09:30-12:00"]))
schemathesis.openapi.format("amount", strategies.sampled_from(["1", "250"]))
schemathesis.openapi.format("currency", strategies.sampled_from(["CNY", "USD", "JPY"]))


# The sound form of a cursor that is accepted only if an answer gave it.
CURSORS = {
    "/api/v1/suppressions": re.compile(r"[A-Za-z0-9_-]{20,600}"),
    "/api/v1/routes": re.compile(r"\S(.{0,126}\S)?"),
}
given = set()


@schemathesis.auth()
class BearerToken:
    """The token of the test."""

    def get(self, case, context):
        return os.environ["API_TOKEN"]

    def set(self, case, data, context):
        case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.hook
def before_call(context, case, kwargs):
    """A key is used for one request only; one that is wrong or missing on purpose stays so."""
    for name, key in list((case.headers or {}).items()):
        if name.lower() == "idempotency-key" and isinstance(key, str) and KEY.fullmatch(key):
            case.headers[name] = uuid.uuid4().hex
    form, cursor = CURSORS.get(case.path), (case.query or {}).get("cursor")
    if form and isinstance(cursor, str) and cursor not in given and form.fullmatch(cursor):
        del case.query["cursor"]


@schemathesis.hook
def after_call(context, case, response):
    """Remembers the cursors of answers."""
    if case.path in CURSORS and response.status_code == 200:
        given.add(response.json()["next"])
