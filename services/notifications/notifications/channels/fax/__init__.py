"""The fax channel: a page made for people, the gateway that sends it, and when it is sent again."""
