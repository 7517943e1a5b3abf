"""What two services share and that knows no referral, except the event classes."""
