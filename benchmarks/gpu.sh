#!/bin/sh
# Measures on a GPU what docs/scale.md and docs/results.md say of one: parity with the CPU, training, decoding, features
# and exhaustive scoring. It takes less than eight minutes, needs no network, and needs torch, torchvision, click, tqdm
# and this tree only. Without a GPU it takes small sizes, to see that everything runs.
set -eu
cd "$(dirname "$0")/.."
exec "${PYTHON:-python3}" -m benchmarks.gpu "$@"
