"""What they said: cleaning, redaction, sentiment, churn intent and themes."""
