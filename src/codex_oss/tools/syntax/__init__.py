"""Whether a file still parses, asked after each edit; see ``check``."""
