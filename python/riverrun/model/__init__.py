"""The nouns of section 2 as types: no logic beyond what a value knows of itself, no disk."""
