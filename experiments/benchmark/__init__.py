"""`dspnet benchmark`: all methods on the same splits, as the tables of the paper."""
