"""What a request means before anything is loaded: its trainings, its cost, and whether it can be done here."""
