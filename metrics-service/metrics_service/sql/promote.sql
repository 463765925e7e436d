SELECT predictions.promote(:model_name, :revision, :reason)
