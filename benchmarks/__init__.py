"""What this project costs and what it brings, beside what a user would pick instead: `python -m benchmarks`."""
