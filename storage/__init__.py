"""What is kept: jobs, configurations, runs and their responses, incumbents and events, in one SQL database."""
