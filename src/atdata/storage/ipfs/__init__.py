"""Files of IPFS, read through a gateway and checked block by block.

This stays ours because Python's clients of IPFS trust the node that they ask; none checks blocks.
"""
