#!/bin/sh
# Trains, evaluates, predicts and exports on real data, and keeps the run for you to look at.
# Needs the `kerasnn` command; `make demo` installs it and runs this. Takes the folder to write to.
set -eu
data=$(cd "$(dirname "$0")" && pwd)/diamonds.csv
folder=${1:-runs/demo}
mkdir -p "$folder"
cd "$folder"
rm -rf diamonds predictions.csv
cp "$data" diamonds.csv

show() {
    printf '\n\033[1m$ %s\033[0m\n' "$*"
    "$@"
}

show kerasnn train diamonds.csv --target price --output diamonds
show kerasnn evaluate diamonds --by cut
show kerasnn predict diamonds diamonds.csv --output predictions.csv
show head -n 4 predictions.csv
show kerasnn export diamonds --format onnx
show ls diamonds
printf '\nOpen the report in a browser: %s\n' "$(pwd)/diamonds/report.html"
