"""The steps, one thin file each: open the inputs, make one call into a science room, store and track the result."""
