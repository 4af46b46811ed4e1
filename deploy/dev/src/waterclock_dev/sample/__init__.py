"""`waterclock dev --sample`: an installation with some twenty jobs and ninety days of their past."""
