"""The edge at the MLLP door: it opens the transaction, and nothing is answered before the commit."""
