"""HTTP only: what comes in, what goes out, which errors are documented; one file per subject."""
