"""One call by the client that openapi-python-client made: finds the borrower of the test."""

import os
import sys

sys.path.insert(0, os.environ["API_CLIENT"])

from dueherald_client import AuthenticatedClient
from dueherald_client.api.ledger import post_borrowers_search
from dueherald_client.models import SearchBody

with AuthenticatedClient(base_url=os.environ["API_URL"], token=os.environ["API_TOKEN"]) as client:
    page = post_borrowers_search.sync(client=client, body=SearchBody(text="13800138000"))
print([one.borrower for one in page.borrowers])
