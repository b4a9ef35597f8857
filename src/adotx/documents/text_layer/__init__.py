"""The text layer of a page in, what it says as a reader would say it out; or why it is not to be trusted."""
