"""Files of IPFS, read through a gateway and checked block by block."""
