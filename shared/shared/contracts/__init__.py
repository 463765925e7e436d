"""Bodies that two services exchange. Pydantic only: importing a contract pulls in nothing else."""
