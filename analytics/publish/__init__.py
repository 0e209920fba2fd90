"""What leaves: blocks, figures, claims, notebooks run to PDF, and delivery."""
