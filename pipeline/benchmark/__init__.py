"""`dspnet benchmark`: all methods on the same splits, measured by the same evaluator, as the tables of the paper."""
