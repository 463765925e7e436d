"""`make model-env NAME=`: environments of Python models with a requirements.txt, for the service of `make run`."""

import sys

from local.folder import StackFolder
from local.settings import LocalSettings
from prediction_service.models.runtimes.python import make_environments
from shared.settings.settings import load_settings


def main() -> int:
    """`python -m local model-env [NAME[/VERSION]]`: of all models, of one, or of one version."""
    settings = load_settings(LocalSettings, "make model-env")
    environments = StackFolder(settings.local_dir).model_environments(settings.model_environments_dir)
    return make_environments.main(settings.models_dir, environments, *sys.argv[2:3])
