"""The promises made to clinics: what they are told, by which channel, and whether it arrived."""
