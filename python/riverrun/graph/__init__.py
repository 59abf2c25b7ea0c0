"""The graph of steps: who needs whom. The one door to networkx."""

from riverrun.graph.graph import Graph, parents

__all__ = ["Graph", "parents"]
