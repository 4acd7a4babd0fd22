"""Reference → model and tokenizer; students; counting parameters. `loading` is where to begin."""
