"""What is told of jobs and runs, by which rule, and when."""
