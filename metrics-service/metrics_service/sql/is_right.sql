-- Whether a judgement says that the prediction was right: its label, or all its labels and no other; null: of a value.
coalesce(prediction_label = actual_label, prediction_labels = actual_labels)
