"""The command `referral-loop`: imports nothing until it is called, for each process that it starts imports it."""


def main() -> None:
    """Run what the arguments say."""
    from embedded.cli import app

    app()
