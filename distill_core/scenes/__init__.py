"""One text through the ten objectives, as a page shows it. The facts and the chips need no torch."""
