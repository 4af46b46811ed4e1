"""Read models: projected, waited for, rebuilt, compared."""
