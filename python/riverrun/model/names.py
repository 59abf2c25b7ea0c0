"""The names by which riverrun's own files are found: of a spec, and of the folder in which everything lives (rule 12)."""

SPEC_NAME = "riverrun.toml"
OWN = ".riverrun"
