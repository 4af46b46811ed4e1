"""`python -m waterclock`: as the command `waterclock`."""

from waterclock.cli.main import main

main(prog_name="waterclock")
