"""What verbs take on a command line, and in which words."""
