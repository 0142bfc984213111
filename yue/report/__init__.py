"""The report: one page that works offline, made of what the other stages left."""
