"""What `referral-loop doctor` looks at: one module per place; each tells what is off and what to do."""
