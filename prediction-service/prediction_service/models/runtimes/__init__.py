"""The programs that run models; each one turns texts into probabilities."""
