"""Our exports in a release of transformers, and its models in our programs: in one process, for loading it takes longer
than most of the checks.

with_transformers.py <folder of the programs> <golden folder>
Prints a line for each check; the last is "N passed, N failed".
"""
import pathlib
import tempfile

import transformers

from checks import finish
from exports import check_exports
from foreign_models import check_foreign_models

transformers.utils.logging.disable_progress_bar()
transformers.logging.set_verbosity_error()
with tempfile.TemporaryDirectory() as temporary:
    check_exports(transformers, pathlib.Path(temporary))
    check_foreign_models(transformers, pathlib.Path(temporary))
finish()
