SELECT predictions.roll_back(:model_name, :revision, :reason)
