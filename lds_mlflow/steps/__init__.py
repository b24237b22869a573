"""One thin file a step: open its inputs, make one call into a science room, store and track what comes out."""
