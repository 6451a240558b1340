"""The application: the composition root, and the only place where leader, followers and store meet."""
