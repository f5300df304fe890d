"""Files that hold each layer twice; see make_twins.py."""
