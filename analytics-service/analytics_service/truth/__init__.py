"""What Gemini says, held against what it was told."""
