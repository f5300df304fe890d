"""Files that are damaged on purpose and look whole, for tools/fuzz."""
