"""`python -m local.archive pack|unpack|mark|add …`, for `deploy/backup`."""

import sys
from pathlib import Path

from local.archive.form import told
from local.archive.packing import pack
from local.archive.unpacking import added_models, mark_of, unpack
from local.errors import CannotRunError


def main() -> int:
    """Does what the words say.

    `pack FILE REVISION DUMP MODELS` says what it leaves out; `unpack FILE FOLDER` gives the revision; `mark
    FOLDER` gives the mark of a database whose models are missing; `add FOLDER MODELS` gives how many versions it added.
    """
    verb, *words = sys.argv[1:]
    paths = [Path(word) for word in words]
    try:
        if verb == "pack":
            for line in pack(*paths):
                sys.stdout.write(f"not in it: {line}\n")
        elif verb == "unpack":
            sys.stdout.write(unpack(*paths) + "\n")
        elif verb == "mark":
            sys.stdout.write(mark_of(*paths) + "\n")
        else:
            with added_models(*paths) as count:
                pass
            sys.stdout.write(f"{count}\n")
    except CannotRunError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"{told(error)}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
