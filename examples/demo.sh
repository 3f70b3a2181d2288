#!/bin/sh
# Trains, evaluates, predicts and exports on real data, from a folder that is removed afterwards.
# Needs the `kerasnn` command; `make demo` installs it and runs this.
set -eu
data=$(cd "$(dirname "$0")" && pwd)/penguins.csv
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cp "$data" penguins.csv

show() {
    printf '\n\033[1m$ %s\033[0m\n' "$*"
    "$@"
}

show kerasnn train penguins.csv --target species --output penguins
show kerasnn evaluate penguins --by island
show kerasnn predict penguins penguins.csv --output predictions.csv
show head -n 4 predictions.csv
show kerasnn export penguins --format onnx
show ls penguins
