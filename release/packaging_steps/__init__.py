"""The steps of `release/build`."""
