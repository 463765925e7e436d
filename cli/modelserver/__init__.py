"""The command line of the model server. It has no code of a service in it; `check` asks the prediction-service's."""
