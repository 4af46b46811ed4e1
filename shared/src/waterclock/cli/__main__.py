"""`python -m waterclock.cli`: as the command `waterclock`."""

from waterclock.cli.main import main

main()
