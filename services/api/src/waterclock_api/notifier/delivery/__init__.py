"""How a notice reaches people: channels, texts, signed webhooks, and Apprise in a child process."""
