"""The performance report: Gemini when it is there, rules when it is not."""
