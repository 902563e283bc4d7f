"""The runtime that generated packages carry: copied by ``lexgen build``, stdlib only."""
