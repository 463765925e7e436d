"""`python keep_churn.py MAKE FILE`: the model of examples/churn, as scikit-learn has it, for servers that load that.

Runs in the environment of the examples; MAKE is the example's script.
"""

import runpy
import sys

import joblib

made = runpy.run_path(sys.argv[1])
joblib.dump(made["trained"](made["customers"]()[made["UNSEEN"] :]), sys.argv[2])
