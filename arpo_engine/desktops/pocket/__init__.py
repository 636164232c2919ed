"""The pocket desktop: a small Qt desktop drawn offscreen, its tasks and the scripted oracles that solve them."""
