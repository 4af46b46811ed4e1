"""Embedded servers from wheels, and those that the environment names instead."""
