"""``python -m lexgen``."""

from lexgen.cli import main

main()
