"""The subcommands of python -m bn_stream: options, and one call of what does the work."""
