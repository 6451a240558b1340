"""What is solved: MILP models, read once into arrays, known by the SHA-256 of their content."""
