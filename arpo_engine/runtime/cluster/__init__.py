"""The executor of a Ray cluster. The only package that imports Ray; nothing but the composition root imports it."""
