"""`python -m hnetzoo`, and with several processes `torchrun -m hnetzoo`."""

from hnetzoo.cli import main

if __name__ == "__main__":
    main()
