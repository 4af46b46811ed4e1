"""What `http.request` takes and answers, and which secrets it may send where."""
