"""What the services build from the event loop: tasks, calls shared by those who wait, the time."""
