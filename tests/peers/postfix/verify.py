# Verifies the DKIM signature of a message with dkimpy. Arguments: the message, the record that the DNS would hold.
import sys
import dkim

with open(sys.argv[1], "rb") as message:
    verified = dkim.verify(message.read(), dnsfunc=lambda name, timeout=5: sys.argv[2].encode())
sys.exit(0 if verified else 1)
