"""A class on one server: browser sessions over raw websockets, and what they wait for."""
