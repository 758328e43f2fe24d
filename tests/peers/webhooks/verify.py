"""Verifies what a receiver got with the official library: prints the type of each event."""

import json
import sys

from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

for got in json.load(open(sys.argv[1])):
    for secret in got["secrets"]:
        print(Webhook(secret).verify(got["body"], got["headers"])["type"])
    try:
        Webhook(got["secrets"][0]).verify(got["body"] + " ", got["headers"])
        print("a changed body was accepted")
    except WebhookVerificationError:
        pass
