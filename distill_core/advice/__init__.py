"""What pages say beside a run: what it will do and take, what to guess first, what it recommends. Built on tables."""
