"""`models` of MXNet's tests, of which those that are run use nothing."""
