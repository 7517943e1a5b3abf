"""What a referral is and what may happen to it: pure values and tables, no SQL, HTTP or clock."""
