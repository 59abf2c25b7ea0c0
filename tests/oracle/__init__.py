"""The convergence oracle: pipelines, edits and runs come in; what a clean build would hold, and who must act, goes out.

Nothing here asks riverrun what is right: `clean` builds a world from nothing, `memory` knows what was ever made and
tells who must run or be restored, `bench` does the same with riverrun on a disk and compares.
"""
