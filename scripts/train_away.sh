#!/usr/bin/env bash
# Trains nano from a pack (`adotx data pack`) on a machine that is lent for some minutes, and leaves what is to
# come back in OUT: at most 8 files of less than 16 MiB. The same on two CPU cores.
#   bash scripts/train_away.sh PACK OUT SECONDS [KEY=VALUE ...]
# `model*` and what `rest.tar.gz` holds are, in one folder, the checkpoint. Settings for one H100 and 16 cores
# come first; what is given behind SECONDS overrides them. The stage `pages` is left out: it needs the layout's
# models, which a pack does not have. With RUN=FOLDER a run goes on where it was broken off, with
# start=CHECKPOINT from an exported one, whose vocabulary it keeps.
set -euo pipefail
pack=$1 out=$2 seconds=$3
shift 3
run=${RUN:-$(mktemp -d)} python=${PYTHON:-python3}
export PYTHONPATH=src${PYTHONPATH:+:$PYTHONPATH} PYTHONUNBUFFERED=1 XDG_CACHE_HOME=$run/cache OMP_NUM_THREADS=${OMP_NUM_THREADS:-2}
settings=(
    corpora="$pack/corpora" fonts="$pack/fonts" out="$run/nano" deadline="$seconds" workers=15 batch_size=128 reuse=3
    shard_megabytes=14 save_minutes=2 validate_minutes=2 average=200
    language.minutes=2 glyphs.minutes=12 reading.minutes=30 pages.minutes=0
    glyphs.whole_share=1 reading.whole_share=1 reading.decay_from=0.4 "$@"
)

bring() { # a checkpoint, as few files
    rm -f "$out"/model*.safetensors*
    cp "$1"/model* "$out/"
    tar -C "$1" --exclude='model*' -czf "$out/rest.tar.gz" .
}

mkdir -p "$out" "$run/nano/tokenizer" "$run/nano/reading" "$run/saved"
ln -sfn "$run/nano/tokenizer" "$run/saved/tokenizer"
ln -sfn "$run/nano/reading" "$run/saved/reading"
# What has been saved by then goes to OUT every two minutes, in case that the machine is taken away early.
(
    while sleep 120; do
        ls -d "$run"/nano/reading/checkpoint-*[0-9] > /dev/null 2>&1 || continue
        "$python" -m adotx train export "${settings[@]}" out="$run/saved" > /dev/null 2>&1 || continue
        bring "$run/saved/export"
    done
) &
saver=$!
trap 'kill $saver 2> /dev/null || true' EXIT
"$python" -m adotx train nano "${settings[@]}" 2>&1 | tee -a "$out/train.log"
kill $saver && wait $saver 2> /dev/null || true
bring "$run/nano/export"
ls -l "$out"
